// What the guest asks about URLs: the host's own class knows.

const parts = [
  'href',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const;
type Part = (typeof parts)[number];

/** The parts of an address, once one of them was changed, as JSON; undefined where it is no URL. */
export function aboutUrl(question: string): string | undefined {
  const [address, base, part, value] = JSON.parse(question) as readonly unknown[];
  try {
    const url = new URL(String(address), base === null ? undefined : String(base));
    if (parts.includes(part as Part)) url[part as Part] = String(value);
    return JSON.stringify(Object.fromEntries([...parts, 'origin' as const].map((name) => [name, url[name]])));
  } catch {
    return undefined;
  }
}
