// Part of the library inside the guest: what of the web's globals QuickJS lacks. What a URL is and what bytes mean in an
// encoding the host knows; the rest is here. The rules are those of values.ts.

import { ops } from './ops.ts';

export const webSource = String.raw`
const wellFormed = uncurry(''.toWellFormed);
const makeBytes = Uint8Array;
const bytesSet = uncurry(typedArray.prototype.set);
const hex = uncurry(Number.prototype.toString);
const TypeFault = TypeError;

const bytesOf = (value) => {
  if (value === undefined) return new makeBytes(0);
  if (!isView(value)) return new makeBytes(value);
  const isData = arrayName(value) === undefined;
  const buffer = (isData ? dataBuffer : arrayBuffer)(value);
  const size = isData ? dataLength(value) : viewBytes(value);
  return new makeBytes(buffer, (isData ? dataOffset : arrayOffset)(value), size);
};
const viewBytes = getter(typedArray.prototype, 'byteLength');
const alone = (bytes) => copied(arrayBuffer(bytes), arrayOffset(bytes), arrayOffset(bytes) + arrayLength(bytes));

class TextEncoder {
  get encoding() {
    return 'utf-8';
  }
  encode(text = '') {
    return new makeBytes(host(${ops.encode}, wellFormed(toText(text))));
  }
  encodeInto(text, into) {
    const all = wellFormed(toText(text));
    const bytes = this.encode(all);
    const whole = arrayLength(bytes);
    let written = whole < arrayLength(into) ? whole : arrayLength(into);
    while (written > 0 && written < whole && (bytes[written] & 0xc0) === 0x80) written--;
    const fitting = new makeBytes(arrayBuffer(bytes), 0, written);
    bytesSet(into, fitting);
    return { read: written === whole ? all.length : new TextDecoder().decode(fitting).length, written };
  }
}
const codeAt = uncurry(''.charCodeAt);

// How many bytes at the end are the beginning of a character in UTF-8.
const begun = (bytes) => {
  const size = arrayLength(bytes);
  for (let back = 1; back <= 3 && back <= size; back++) {
    const byte = bytes[size - back];
    if (byte >= 0xc0) return byte >= 0xf0 ? (back < 4 ? back : 0) : byte >= 0xe0 ? (back < 3 ? back : 0) : back < 2 ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
};

class TextDecoder {
  #label;
  #fatal;
  #ignoreBOM;
  #rest = new makeBytes(0);
  #isBegun = false;
  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
    const name = host(${ops.decode}, stringify({ __proto__: null, label: toText(label), name: true }), new makeBytes(0).buffer);
    if (name === undefined) throw new RangeFault('there is no encoding ' + stringify(toText(label)));
    this.#label = name;
    this.#fatal = !!fatal;
    this.#ignoreBOM = !!ignoreBOM;
  }
  get encoding() {
    return this.#label;
  }
  get fatal() {
    return this.#fatal;
  }
  get ignoreBOM() {
    return this.#ignoreBOM;
  }
  decode(input, { stream = false } = {}) {
    let bytes = bytesOf(input);
    if (arrayLength(this.#rest) > 0) {
      const joined = new makeBytes(arrayLength(this.#rest) + arrayLength(bytes));
      bytesSet(joined, this.#rest);
      bytesSet(joined, bytes, arrayLength(this.#rest));
      bytes = joined;
    }
    if (stream && this.#label !== 'utf-8') throw new TypeFault('only utf-8 can be decoded piece by piece');
    const kept = stream ? begun(bytes) : 0;
    const end = arrayLength(bytes) - kept;
    const now = new makeBytes(copied(arrayBuffer(bytes), arrayOffset(bytes), arrayOffset(bytes) + end));
    this.#rest = new makeBytes(copied(arrayBuffer(bytes), arrayOffset(bytes) + end, arrayOffset(bytes) + end + kept));
    const ignoreBOM = this.#ignoreBOM || this.#isBegun;
    const asked = { __proto__: null, label: this.#label, fatal: this.#fatal, ignoreBOM };
    const text = host(${ops.decode}, stringify(asked), arrayBuffer(now));
    this.#isBegun = stream && (this.#isBegun || end > 0);
    if (text === undefined) throw new TypeFault('the bytes are no ' + this.#label);
    return text;
  }
}
const RangeFault = RangeError;

// What a URL is the host knows: it is asked with the address, the part to change, and what to change it to.
const parts = ['href', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];
const asked = (address, base, part, value) => {
  const answer = host(${ops.url}, stringify([address, base ?? null, part ?? null, value ?? null]));
  return answer === undefined ? undefined : parse(answer);
};
let spare;
class URL {
  #parts;
  #params;
  constructor(address, base) {
    const found = asked(toText(address), base === undefined ? null : toText(base));
    if (found === undefined) throw new TypeFault(stringify(toText(address)) + ' is no URL');
    this.#parts = found;
  }
  static canParse(address, base) {
    return asked(toText(address), base === undefined ? null : toText(base)) !== undefined;
  }
  static parse(address, base) {
    return URL.canParse(address, base) ? new URL(address, base) : null;
  }
  get origin() {
    return this.#parts.origin;
  }
  get searchParams() {
    if (this.#params === undefined) {
      spare = (text) => this.#change('search', text);
      this.#params = new URLSearchParams(this.#parts.search);
      spare = undefined;
    }
    return this.#params;
  }
  #change(part, value) {
    const found = asked(this.#parts.href, null, part, value);
    if (found !== undefined) this.#parts = found;
    else if (part === 'href') throw new TypeFault(stringify(value) + ' is no URL');
  }
  toString() {
    return this.#parts.href;
  }
  toJSON() {
    return this.#parts.href;
  }
  static {
    for (const part of parts)
      Object.defineProperty(URL.prototype, part, {
        get() {
          return this.#parts[part];
        },
        set(value) {
          this.#change(part, toText(value));
          if ((part === 'search' || part === 'href') && this.#params !== undefined) readParams(this.#params, this.#parts.search);
        },
        enumerable: true,
        configurable: true,
      });
  }
}

const encodeForm = (text) => replace(encodeURIComponent(wellFormed(text)), /%20|[!'()~]/g, (c) => (c === '%20' ? '+' : '%' + upper(hex(codeAt(c, 0), 16))));
const upper = uncurry(''.toUpperCase);
const replace = uncurry(''.replace);
const decodeForm = (text) => {
  const plain = replace(text, /\+/g, ' ');
  try {
    return decodeURIComponent(plain);
  } catch {
    const bytes = [];
    for (let i = 0; i < plain.length; i++) {
      const two = slice(plain, i + 1, i + 3);
      if (plain[i] === '%' && /^[0-9a-f]{2}$/i.test(two)) {
        bytes.push(parseInt(two, 16));
        i += 2;
      } else for (const byte of new TextEncoder().encode(plain[i])) bytes.push(byte);
    }
    return new TextDecoder().decode(new makeBytes(bytes));
  }
};
let readParams;
class URLSearchParams {
  #list = [];
  #told;
  constructor(init = '') {
    this.#told = spare;
    if (typeof init === 'object' && init !== null) {
      const pairs = init[Symbol.iterator] === undefined ? Object.entries(init) : init;
      for (const [name, value] of pairs) this.#list.push([toText(name), toText(value)]);
    } else readParams(this, toText(init));
  }
  static {
    readParams = (params, text) => {
      params.#list = [];
      for (const part of (text[0] === '?' ? slice(text, 1) : text).split('&')) {
        if (part === '') continue;
        const at = part.indexOf('=');
        params.#list.push([decodeForm(at < 0 ? part : slice(part, 0, at)), at < 0 ? '' : decodeForm(slice(part, at + 1))]);
      }
    };
  }
  #changed() {
    this.#told?.(this.toString());
  }
  get size() {
    return this.#list.length;
  }
  append(name, value) {
    this.#list.push([toText(name), toText(value)]);
    this.#changed();
  }
  delete(name, value) {
    this.#list = this.#list.filter(([key, item]) => key !== toText(name) || (value !== undefined && item !== toText(value)));
    this.#changed();
  }
  get(name) {
    return this.#list.find(([key]) => key === toText(name))?.[1] ?? null;
  }
  getAll(name) {
    return this.#list.filter(([key]) => key === toText(name)).map(([, value]) => value);
  }
  has(name, value) {
    return this.#list.some(([key, item]) => key === toText(name) && (value === undefined || item === toText(value)));
  }
  set(name, value) {
    const at = this.#list.findIndex(([key]) => key === toText(name));
    if (at < 0) this.#list.push([toText(name), toText(value)]);
    else {
      this.#list[at] = [toText(name), toText(value)];
      this.#list = this.#list.filter(([key], i) => i <= at || key !== toText(name));
    }
    this.#changed();
  }
  sort() {
    this.#list.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#changed();
  }
  forEach(callback, self) {
    for (const [name, value] of this.#list) callback.call(self, value, name, this);
  }
  *entries() {
    for (const [name, value] of this.#list) yield [name, value];
  }
  *keys() {
    for (const [name] of this.#list) yield name;
  }
  *values() {
    for (const [, value] of this.#list) yield value;
  }
  [Symbol.iterator]() {
    return this.entries();
  }
  toString() {
    return this.#list.map(([name, value]) => encodeForm(name) + '=' + encodeForm(value)).join('&');
  }
}

const randomBytes = (size) => new makeBytes(host(${ops.random}, size));
const crypto = {
  getRandomValues(view) {
    const bytes = isView(view) ? bytesOf(view) : undefined;
    if (bytes === undefined || arrayLength(bytes) > 65536)
      throw new DataError('not a view of at most 65536 bytes', bytes === undefined ? 'TypeMismatchError' : 'QuotaExceededError');
    bytesSet(bytes, randomBytes(arrayLength(bytes)));
    return view;
  },
  randomUUID() {
    const bytes = randomBytes(16);
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    let text = '';
    for (let i = 0; i < 16; i++) text += (i === 4 || i === 6 || i === 8 || i === 10 ? '-' : '') + slice(hex(bytes[i] + 256, 16), 1);
    return text;
  },
};
for (const type of [URL, URLSearchParams, TextEncoder, TextDecoder])
  defineProperty(type.prototype, Symbol.toStringTag, { __proto__: null, value: type.name, configurable: true });
for (const name of keys(globals)) define(name, typeof globals[name] === 'function' ? named(globals[name], name) : globals[name]);
for (const type of [URL, URLSearchParams, TextEncoder, TextDecoder]) define(type.name, type);
define('crypto', crypto);
`;
