// JSON out of a token. A few hundred KB unpack to a text of a hundred million empty lists, which would take all memory of the
// host, so that its process ends: how many values a text has is counted before they are made.

/** Values in lists and objects: more than programs have that wait for half a million calls. */
const mostValues = 2 ** 22;

/** Undefined for what is no JSON, or has more values than any program's. */
export function parseFew(text: string): unknown {
  if (text.length > mostValues && !areFew(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const [quote, backslash, comma, bracket, brace] = [...'"\\,[{'].map((char) => char.charCodeAt(0));

/** Each value but the first stands after a comma or in brackets, outside of texts. */
function areFew(text: string): boolean {
  let values = 0;
  for (let at = 0; at < text.length && values <= mostValues; at++) {
    const char = text.charCodeAt(at);
    if (char === quote) at = endOfText(text, at);
    else if (char === comma || char === bracket || char === brace) values++;
  }
  return values <= mostValues;
}

/** Where the quote stands that ends a text. */
function endOfText(text: string, from: number): number {
  let at = from + 1;
  for (; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === backslash) at++;
    else if (char === quote) break;
  }
  return at;
}
