// The README's examples, and what they say that they print.

import { readFileSync } from 'node:fs';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1] as string);

export const examples: readonly string[] = blocks('js');

/** The lines of the shell that come before them. */
export const preparation: readonly string[] = blocks('sh').flatMap((block) => block.trim().split('\n'));

/** What the comments of an example's `console.log` lines say that it prints, line by line. */
export const promised = (example: string): string[] =>
  [...example.matchAll(/console\.log\(.*\);\s*\/\/ (.*)$/gm)].flatMap((match) =>
    (match[1] as string).split(/, (?=\[)/),
  );
