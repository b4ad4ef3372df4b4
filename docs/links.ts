// Finds links in a folder of HTML pages and pictures that lead nowhere: to files that are not there, out of the folder, or to anchors
// that their page does not have. Other sites are left alone. `npm run docs` runs it over what TypeDoc has written.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Parser } from 'htmlparser2';

interface Page {
  /** What `href` and `src` say. */
  readonly links: readonly string[];
  readonly anchors: ReadonlySet<string>;
}

function readPage(file: string): Page {
  const links: string[] = [];
  const anchors = new Set<string>();
  const parser = new Parser({
    onopentag(name, { href, src, id, name: anchor }) {
      if (href !== undefined) links.push(href);
      if (src !== undefined) links.push(src);
      if (id !== undefined) anchors.add(id);
      if (name === 'a' && anchor !== undefined) anchors.add(anchor);
    },
  });
  parser.end(readFileSync(file, 'utf8'));
  return { links, anchors };
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;
const isElsewhere = (link: string): boolean => /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(link);

/** What is wrong with the links of all pages in the folder, a line each. */
export function brokenLinks(folder: string): string[] {
  const root = resolve(folder);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(html|svg)$/.test(file));
  const pages = new Map(files.map((file) => [join(root, file), readPage(join(root, file))]));
  return [...pages].flatMap(([file, { links }]) =>
    links
      .filter((link) => !isElsewhere(link))
      .flatMap((link) => {
        const why = wrong(root, pages, file, link);
        return why === undefined ? [] : [`${relative(root, file)}: ${link} ${why}`];
      }),
  );
}

function wrong(root: string, pages: ReadonlyMap<string, Page>, from: string, link: string): string | undefined {
  const [, path = '', anchor = ''] = /^([^?#]*)[^#]*#?(.*)$/.exec(link) ?? [];
  const target = path === '' ? from : resolve(dirname(from), decodeURIComponent(path));
  if (!target.startsWith(root + sep)) return 'leads out of the site';
  if (!isFile(target)) return 'leads to no file';
  // What a browser does with an empty one, and with this one, needs no anchor.
  if (anchor === '' || anchor === 'top') return undefined;
  return pages.get(target)?.anchors.has(decodeURIComponent(anchor)) === true ? undefined : 'leads to no anchor';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const site = fileURLToPath(new URL('site', import.meta.url));
  const broken = brokenLinks(site);
  for (const line of broken) console.error(line);
  console.log(broken.length === 0 ? `All links lead somewhere: ${join(site, 'index.html')}` : `${broken.length} links`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}
