// Unfolds the folded `try` of legacy exception handling, which the assembler knows in its flat form alone.
// https://webassembly.github.io/exception-handling/legacy/core/text/instructions.html

import { type List, type Node, parseNodes, SyntaxProblem } from './sexpr.ts';

const clauses = ['do', 'catch', 'catch_all', 'delegate'];
const wellFormed = /^do( catch)*( catch_all)?$|^do delegate$/;

/** `(try … (do a*) (catch x b*))` becomes `try … a* catch x b* end`; all other text stays as it is. */
export function unfoldTry(text: string): string {
  if (!/\(\s*try\b/.test(text) || !/\(\s*do\b/.test(text)) return text;
  const edits = new Map<number, string>();
  const open = parseNodes(text).filter(isList);
  for (let list = open.pop(); list !== undefined; list = open.pop()) {
    if (headOf(list) === 'try') unfold(list, edits);
    open.push(...list.items.filter(isList));
  }
  return Array.from({ length: text.length }, (_, at) => edits.get(at) ?? text[at]).join('');
}

function unfold(list: List, edits: Map<number, string>): void {
  const parts = list.items.filter(isList).filter((part) => clauses.includes(headOf(part)));
  const heads = parts.map(headOf).join(' ');
  if (!wellFormed.test(heads)) throw new SyntaxProblem(`unexpected clause in try: ${heads}`, list.start);
  edits.set(list.start, ' ').set(list.end - 1, heads === 'do delegate' ? ' ' : ' end ');
  for (const part of parts) edits.set(part.start, ' ').set(part.end - 1, ' ');
  const start = parts[0]?.items[0]?.start ?? 0;
  edits.set(start, ' ').set(start + 1, ' ');
}

const isList = (node: Node): node is List => node.kind === 'list';
const headOf = (list: List): string => (list.items[0]?.kind === 'atom' ? list.items[0].text : '');
