// S-expressions of the text format: lists, strings and atoms with their place in the text. Comments and annotations
// are left out. What the lists mean is script.ts's business.
// https://webassembly.github.io/spec/core/text/lexical.html

interface Place {
  readonly start: number;
  /** Past the last character. */
  readonly end: number;
}
export interface Atom extends Place {
  readonly kind: 'atom';
  readonly text: string;
}
export interface Str extends Place {
  readonly kind: 'string';
  readonly bytes: Uint8Array;
}
export interface List extends Place {
  readonly kind: 'list';
  readonly items: readonly Node[];
}
export type Node = Atom | Str | List;

/** The text is no sequence of S-expressions; `at` is the character where that shows. */
export class SyntaxProblem extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
export const decodeUtf8 = (bytes: Uint8Array): string => utf8.decode(bytes);

const space = /[\s]+/y;
const atom = /[^\s()";]+|;/y;

/** The nodes of a text, in order. */
export function parseNodes(text: string): Node[] {
  return new Lexer(text).nodes();
}

class Lexer {
  private pos = 0;
  constructor(private readonly text: string) {}

  nodes(): Node[] {
    const top: Node[] = [];
    /** The lists that are open, outermost first. */
    const open: { start: number; items: Node[] }[] = [];
    for (;;) {
      this.skipSpace();
      if (this.pos >= this.text.length) break;
      const items = open[open.length - 1]?.items ?? top;
      const start = this.pos;
      const c = this.text[start];
      if (c === '(') {
        open.push({ start, items: [] });
        this.pos++;
      } else if (c === ')') {
        this.pos++;
        const list = open.pop();
        if (list === undefined) throw new SyntaxProblem('unexpected )', start);
        const outer = open[open.length - 1]?.items ?? top;
        if (!isAnnotation(list)) outer.push({ kind: 'list', ...list, end: this.pos });
      } else items.push(c === '"' ? this.string() : this.atom());
    }
    const unclosed = open[0];
    if (unclosed !== undefined) throw new SyntaxProblem('unclosed (', unclosed.start);
    return top;
  }

  private skipSpace(): void {
    for (;;) {
      space.lastIndex = this.pos;
      if (space.test(this.text)) this.pos = space.lastIndex;
      else if (this.text.startsWith(';;', this.pos)) this.pos = lineEnd(this.text, this.pos);
      else if (this.text.startsWith('(;', this.pos)) this.pos = blockEnd(this.text, this.pos);
      else return;
    }
  }

  private string(): Str {
    const start = this.pos;
    this.pos = stringEnd(this.text, start);
    return { kind: 'string', bytes: unescaped(this.text.slice(start + 1, this.pos - 1), start), start, end: this.pos };
  }

  private atom(): Atom {
    const start = this.pos;
    atom.lastIndex = start;
    atom.test(this.text);
    this.pos = atom.lastIndex;
    let text = this.text.slice(start, this.pos);
    if (text === '$' && this.text[this.pos] === '"') text += decodeUtf8(this.string().bytes);
    return { kind: 'atom', text, start, end: this.pos };
  }
}

/** `(@name …)`, with the @ next to the parenthesis. https://webassembly.github.io/spec/core/text/lexical.html#annotations */
function isAnnotation(list: { start: number; items: readonly Node[] }): boolean {
  const head = list.items[0];
  return head?.kind === 'atom' && head.text.startsWith('@') && head.start === list.start + 1;
}

function lineEnd(text: string, start: number): number {
  const newline = /[\n\r]|$/g;
  newline.lastIndex = start;
  return newline.exec(text)?.index ?? text.length;
}

/** Block comments nest. */
function blockEnd(text: string, start: number): number {
  const mark = /\(;|;\)/g;
  mark.lastIndex = start;
  for (let depth = 0; ; ) {
    const found = mark.exec(text);
    if (found === null) throw new SyntaxProblem('unclosed (;', start);
    depth += found[0] === '(;' ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
}

function stringEnd(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
  }
  throw new SyntaxProblem('unclosed string', start);
}

const named: Record<string, number> = { t: 9, n: 10, r: 13, '"': 0x22, "'": 0x27, '\\': 0x5c };
const escapes = /\\(?:([tnr"'\\])|([0-9a-fA-F]{2})|u\{([0-9a-fA-F_]+)\})|[^\\]+/gy;

/** https://webassembly.github.io/spec/core/text/values.html#strings */
function unescaped(raw: string, at: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  escapes.lastIndex = 0;
  while (escapes.lastIndex < raw.length) {
    const found = escapes.exec(raw);
    if (found === null) throw new SyntaxProblem('malformed escape', at);
    const [plain, name, hex, scalar] = found;
    if (name !== undefined) chunks.push(Uint8Array.of(named[name] as number));
    else if (hex !== undefined) chunks.push(Uint8Array.of(Number.parseInt(hex, 16)));
    else chunks.push(Buffer.from(scalar === undefined ? plain : scalarValue(scalar)));
  }
  return Buffer.concat(chunks);
}

const scalarValue = (hex: string) => String.fromCodePoint(Number.parseInt(hex.replaceAll('_', ''), 16));

/**
 * The same text in ASCII, as far as that can be: in strings other characters become `\hh` bytes, in comments `?`.
 * Elsewhere they are malformed anyway and stay. Takes text that is not well formed, too.
 */
export function toAscii(text: string): string {
  if (/^[\0-\x7f]*$/.test(text)) return text;
  let out = '';
  let pos = 0;
  for (const found of text.matchAll(/"|;;|\(;/g)) {
    if (found.index < pos) continue;
    const end = pieceEnd(text, found.index, found[0]);
    const substitute = found[0] === '"' ? escapeBytes : () => '?';
    out += text.slice(pos, found.index) + text.slice(found.index, end).replace(/[^\0-\x7f]/gu, substitute);
    pos = end;
  }
  return out + text.slice(pos);
}

function pieceEnd(text: string, start: number, opener: string): number {
  try {
    return opener === '"' ? stringEnd(text, start) : opener === ';;' ? lineEnd(text, start) : blockEnd(text, start);
  } catch {
    return text.length;
  }
}

const escapeBytes = (char: string) =>
  [...Buffer.from(char)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
