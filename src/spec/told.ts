// What others wrote, as part of what we say: names of guests, and whatever a host function threw. Nothing here throws,
// and all of it is short, so that an error of ours is small whatever it is about.

/** Characters of a name, and of a whole message; an ellipsis stands for the rest. */
export const mostOfName = 200;
export const mostOfMessage = 2000;

/** The text, or its beginning: a copy, which does not keep the rest alive. */
export function cut(text: string, most?: number): string;
export function cut(text: string | undefined, most?: number): string | undefined;
export function cut(text: string | undefined, most = mostOfName): string | undefined {
  if (text === undefined || text.length <= most) return text;
  const codes = Array.from({ length: most - 1 }, (_, i) => text.charCodeAt(i));
  return `${String.fromCharCode(...codes).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** Names come from modules, which are hostile: nothing of them may steer the terminal or break a line. */
export const plain = (text: string): string =>
  text.replace(
    /[\p{Cc}\u2028\u2029\p{Bidi_Control}]/gu,
    (char) => `\\u{${(char.codePointAt(0) as number).toString(16)}}`,
  );

/** A name in quotes. */
export const quoted = (name: string): string => JSON.stringify(cut(name));

/** Objects may be proxies and have getters: what looking at one throws is not ours to pass on. */
export function attempt<T>(act: () => T, otherwise: T): T {
  try {
    return act();
  } catch {
    return otherwise;
  }
}

/** A property, or undefined where reading it throws. */
export const peek = (object: object, key: PropertyKey): unknown =>
  attempt(() => (object as Record<PropertyKey, unknown>)[key], undefined);

/** As `instanceof`, which a proxy can make throw. */
export function isA<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** An error, also one of another realm. */
export const isError = (value: unknown): value is Error =>
  isA(value, Error) || attempt(() => Object.prototype.toString.call(value) === '[object Error]', false);

/** What a value is, in a few words. */
export function told(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'bigint':
      return `the bigint ${value > -(2n ** 64n) && value < 2n ** 64n ? value : 'of more than 64 bits'}`;
    case 'symbol':
      return cut(String(value));
    case 'function':
      return 'a function';
    case 'object':
      return value === null ? 'null' : toldObject(value);
    default:
      return String(value);
  }
}

function toldObject(value: object): string {
  if (attempt(() => Array.isArray(value), false)) return 'a list';
  const maker = peek(value, 'constructor');
  const name = typeof maker === 'function' ? peek(maker, 'name') : undefined;
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `a ${cut(name)}` : 'an object';
}

/** A property of an error that should be a text. */
export function textIn(error: object, key: PropertyKey, most = mostOfMessage): string {
  const text = peek(error, key);
  return typeof text === 'string' ? cut(text, most) : told(text);
}

/** What was thrown, which may be anything. */
export function toldThrown(thrown: unknown): string {
  if (isError(thrown)) return `${textIn(thrown, 'name', mostOfName)}: ${textIn(thrown, 'message')}`;
  return typeof thrown === 'string' ? cut(thrown, mostOfMessage) : told(thrown);
}

/** The message of an error; of anything else what it is. */
export const messageOf = (thrown: unknown): string =>
  isError(thrown) ? textIn(thrown, 'message') : toldThrown(thrown);
