// What is kept, in a store on disk: a head for each run, with its record and the token that it goes on with, and the
// books, with an entry for each call of a tool that has acted. All that changes at once is one commit.
//
// A token never leaves this machine, so it is not sealed: whoever can write to the store could change the records, too.
// It is checked like any other when its run goes on; and limits are the server's, never the token's.

import { blobName, openStore, StoreError } from 'wasbox/store';

/**
 * A call of a tool, its arguments as texts.
 * @typedef {{ id: string, tool: string, args: readonly string[] }} Call
 * @typedef {'running' | 'waiting' | 'sleeping' | 'done' | 'failed' | 'stopped'} Status
 *
 * What is kept of a run besides its token.
 * @typedef {object} Run
 * @property {string} id
 * @property {number} at when it was submitted, in ms since 1970
 * @property {string} code
 * @property {Status} status
 * @property {string[]} printed
 * @property {Call[]} waits calls that wait for a human's word
 * @property {Record<string, boolean>} words what humans have said, by the call's id
 * @property {number | undefined} [until] when it goes on by itself
 * @property {string | undefined} [answer] what it came to, as text
 * @property {number} fuel
 *
 * @typedef {{ balance: number, acts: number }} Books
 * @typedef {Call & { answer: unknown }} Entry
 */

const chunkBytes = 2 ** 20;
const commitsForEachCollection = 200;
const utf8 = new TextEncoder();
const json = (/** @type {unknown} */ value) => utf8.encode(JSON.stringify(value));
const parsed = (/** @type {Uint8Array} */ bytes) => JSON.parse(new TextDecoder().decode(bytes));

/** The store, with what is known of it here: versions of heads, and which blobs a run's token is. */
export class Kept {
  /** @type {Map<string, { version: number, token: readonly string[] }>} */
  #runs = new Map();
  #commits = 0;

  /** @param {import('wasbox/store').Store} store */
  constructor(store) {
    this.store = store;
  }

  /** @param {string} folder */
  static async open(folder) {
    return new Kept(await openStore(folder));
  }

  /** All runs. */
  async runs() {
    /** @type {Run[]} */
    const runs = [];
    for (const { name, version, links } of await this.store.list({ prefix: 'run/', limit: 10_000 })) {
      const [record, ...token] = links;
      const run = /** @type {Run} */ (parsed((await this.store.get(/** @type {string} */ (record))).bytes));
      this.#runs.set(run.id, { version, token });
      runs.push(run);
      if (name !== `run/${run.id}`) throw new Error(`the store has the run ${run.id} as ${name}`);
    }
    return runs;
  }

  /** A run as it is, with a new token where one is given. @param {Run} run @param {Uint8Array} [token] */
  async keep(run, token) {
    const known = this.#runs.get(run.id) ?? { version: 0, token: [] };
    const record = { bytes: json(run) };
    const chunks = token === undefined ? [] : chunksOf(token);
    const links = token === undefined ? known.token : chunks.map(blobName);
    const state = { links: [blobName(record), ...links] };
    const heads = [{ name: `run/${run.id}`, expected: known.version, state }];
    const version = await this.store.commit({ blobs: [record, ...chunks], heads });
    this.#runs.set(run.id, { version, token: links });
    // Tokens and records of before are reached by no head any more.
    if (++this.#commits % commitsForEachCollection === 0) await this.store.collect();
  }

  /** What the run goes on with; undefined where it has not begun. @param {Run} run */
  async token({ id }) {
    const names = this.#runs.get(id)?.token ?? [];
    if (names.length === 0) return undefined;
    const chunks = await Promise.all(names.map((name) => this.store.get(name)));
    return Uint8Array.from(Buffer.concat(chunks.map(({ bytes }) => bytes)));
  }

  /** Forgets a run, and the entries of its calls: nobody can make these again. @param {Run} run */
  async remove({ id }) {
    const calls = await this.#calls(id);
    const gone = [{ name: `run/${id}`, version: this.#runs.get(id)?.version ?? 0 }, ...calls];
    await this.store.commit({
      heads: gone.map(({ name, version }) => ({ name, expected: version, state: undefined })),
    });
    this.#runs.delete(id);
  }

  /** @param {string} id */
  #calls = (id) => this.store.list({ prefix: `call/${id}-`, limit: 10_000 });

  /** What a run's calls have done. @param {Run} run @returns {Promise<Entry[]>} */
  async entries({ id }) {
    return (await this.#calls(id)).map(({ data }) => parsed(data));
  }

  /** What the account has, as of the last look at it. */
  balance = 0;

  async books() {
    const head = await this.store.head('books');
    const books = /** @type {Books} */ (head === undefined ? { balance: 5000, acts: 0 } : parsed(head.data));
    this.balance = books.balance;
    return { version: head?.version ?? 0, books };
  }

  /**
   * Acts, once for each call: the books change, and the entry under the call's id is made, in one commit. A call that is
   * made again, because the process was killed before its answer was kept, finds the entry and is answered by it.
   *
   * @param {Call} call @param {(books: Books) => { books: Books, answer: unknown }} act @returns {Promise<Entry>}
   */
  async once(call, act) {
    const name = `call/${call.id}`;
    for (;;) {
      const known = await this.store.head(name);
      if (known !== undefined) return parsed(known.data);
      const { version, books } = await this.books();
      const { books: after, answer } = act(books);
      const entry = { ...call, answer };
      const heads = [
        { name, expected: 0, state: { data: json(entry) } },
        { name: 'books', expected: version, state: { data: json(after) } },
      ];
      try {
        await this.store.commit({ heads });
        this.balance = after.balance;
        return entry;
      } catch (error) {
        // Another call has changed the books meanwhile.
        if (!(error instanceof StoreError && error.reason === 'conflict')) throw error;
      }
    }
  }

  close() {
    return this.store.close();
  }
}

/** @param {Uint8Array} bytes */
const chunksOf = (bytes) =>
  Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, i) => ({
    bytes: bytes.slice(i * chunkBytes, (i + 1) * chunkBytes),
  }));
