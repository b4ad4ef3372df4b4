// The check of links in the documentation finds what leads nowhere, and nothing else. The documentation itself is built
// by `npm run docs`, for which warnings are errors.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { brokenLinks } from '../docs/links.ts';

/** What is wrong in a site with these files. */
function brokenIn(files: Readonly<Record<string, string>>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-links-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    return brokenLinks(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('links that lead somewhere', (t) => {
  const files = {
    'index.html': `<a href="a/page.html#b%C3%A9">x</a><a href="#here" id="here">x</a><img src="a/p%20q.png"><a href="#">x</a>
      <a href="https://example.org/none#none">x</a><a href="mailto:a@example.org">x</a><a href="//example.org">x</a>`,
    'a/page.html': '<h1 id="bé">x</h1><a name="old"></a><a href="../index.html?q=1#here">x</a><a href="#old">x</a>',
    'a/p q.png': '',
  };
  t.deepEqual(brokenIn(files), []);
});

test('links that lead nowhere', (t) => {
  const files = {
    'index.html': `<a href="none.html">x</a><img src="none.png"><a href="a">x</a><a href="../out.html">x</a>
      <a href="#none">x</a><a href="a/page.html#none">x</a><a href="data.json#none">x</a>`,
    'a/page.html': '<p id="some">x</p><link href="style.css">',
    'data.json': '{}',
  };
  t.deepEqual(brokenIn(files).sort(), [
    'a/page.html: style.css leads to no file',
    'index.html: #none leads to no anchor',
    'index.html: ../out.html leads out of the site',
    'index.html: a leads to no file',
    'index.html: a/page.html#none leads to no anchor',
    'index.html: data.json#none leads to no anchor',
    'index.html: none.html leads to no file',
    'index.html: none.png leads to no file',
  ]);
});
