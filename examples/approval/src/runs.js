// The runs: each goes on until it is over or at rest, and is kept before each call of a tool and whenever it rests. So
// nothing here has to last: a process that begins takes up all that the one before it had.

import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { WasboxError } from 'wasbox';
import { resume, run as start } from 'wasbox/javascript';
import { StoreError } from 'wasbox/store';
import { Kept } from './kept.js';
import { toolsOf } from './tools.js';

/** @typedef {import('./kept.js').Run} Run @typedef {import('./kept.js').Entry} Entry @typedef {import('wasbox/javascript').ProgramOutcome} Outcome */

/** What a program may use, of the server as a whole. */
export const bounds = {
  /** Bytes of code. */
  code: 16 * 1024,
  /** Runs that are kept. Where there are as many, the oldest that is over makes room. */
  runs: 100,
  /** Runs that have the thread at a time; others stand in line. */
  atATime: 2,
  program: { memory: 8 * 1024 ** 2, fuel: 1e9, time: 10_000, calls: 100, value: 64 * 1024, output: 16 * 1024 },
};
const mostMs = 2 ** 31 - 1;

/** What is answered to who asks for what cannot be. */
export class Refusal extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * A run, and what this process has of it.
 * @typedef {object} Live
 * @property {Run} run
 * @property {Entry[]} entries
 * @property {AbortController} stop
 * @property {Promise<void>} going
 * @property {ReturnType<typeof setTimeout>} [timer]
 */

export class Runs {
  /** @type {Map<string, Live>} */
  #all = new Map();
  /** Who waits for the thread. @type {(() => void)[]} */
  #line = [];
  #free = bounds.atATime;
  /** Grows with whatever there is to see. */
  changes = 0;

  /** @param {Kept} kept @param {(error: unknown) => void} lost is told that the store fails: then this process can promise nothing */
  constructor(kept, lost) {
    this.kept = kept;
    this.lost = lost;
  }

  /** Opens the store, and takes up what is in it. @param {string} folder @param {(error: unknown) => void} lost */
  static async open(folder, lost) {
    const runs = new Runs(await Kept.open(folder), lost);
    await runs.kept.books();
    for (const run of await runs.kept.runs()) {
      const live = runs.#add(run, await runs.kept.entries(run));
      if (run.status === 'running') runs.#begin(live);
      else runs.#wake(live);
    }
    return runs;
  }

  /** All that there is to see, the newest run first. */
  get view() {
    const newest = [...this.#all.values()].sort((a, b) => b.run.at - a.run.at);
    const runs = newest.map(({ run, entries }) => ({ ...run, entries }));
    return { balance: this.kept.balance, runs };
  }

  /** @param {Run} run @param {Entry[]} entries @returns {Live} */
  #add(run, entries) {
    const live = { run, entries, stop: new AbortController(), going: Promise.resolve() };
    this.#all.set(run.id, live);
    return live;
  }

  /** @param {string} id */
  #live(id) {
    return this.#all.get(id) ?? refuse(404, `there is no run ${id}`);
  }

  /** Begins to run code, which is durable before this resolves. @param {unknown} code */
  async submit(code) {
    if (typeof code !== 'string' || code.trim() === '') return refuse(400, 'there is no code');
    if (Buffer.byteLength(code) > bounds.code) return refuse(413, `code has at most ${bounds.code} bytes`);
    await this.#makeRoom();
    const id = randomBytes(6).toString('hex');
    const live = this.#add(
      { id, at: Date.now(), code, status: 'running', printed: [], waits: [], words: {}, fuel: 0 },
      [],
    );
    await this.#sure(this.kept.keep(live.run));
    this.#begin(live);
    return id;
  }

  async #makeRoom() {
    while (this.#all.size >= bounds.runs) {
      const over = [...this.#all.values()].find(({ run }) => ['done', 'failed', 'stopped'].includes(run.status));
      if (over === undefined) return refuse(429, `there are ${bounds.runs} runs, and none is over`);
      await this.remove(over.run.id);
    }
  }

  /** A human's word about a call that waits. @param {string} id @param {string} call @param {unknown} word */
  async decide(id, call, word) {
    const live = this.#live(id);
    const { run } = live;
    // That it waits is shown a moment before it is kept.
    await live.going;
    if (typeof word !== 'boolean') return refuse(400, 'the word is true or false');
    if (run.status !== 'waiting' || !run.waits.some((each) => each.id === call))
      return refuse(409, `the run does not wait for ${call}`);
    clearTimeout(live.timer);
    run.words[call] = word;
    goesOn(run);
    await this.#sure(this.kept.keep(run));
    this.#begin(live);
  }

  /** Ends a run, wherever it is, and forgets it. @param {string} id */
  async remove(id) {
    const live = this.#live(id);
    this.#all.delete(id);
    this.changes++;
    clearTimeout(live.timer);
    live.stop.abort();
    await live.going;
    await this.#sure(this.kept.remove(live.run));
  }

  /** Brings all runs to rest, and lets go of the store. */
  async close() {
    for (const { stop, timer } of this.#all.values()) {
      clearTimeout(timer);
      stop.abort();
    }
    await Promise.all([...this.#all.values()].map(({ going }) => going));
    await this.kept.close();
  }

  // What a run does

  /** @param {Live} live */
  #begin(live) {
    goesOn(live.run);
    this.changes++;
    live.going = this.#sure(this.#go(live));
  }

  /** A run that rests goes on by itself once its time has come. @param {Live} live */
  #wake(live) {
    const { until } = live.run;
    if (until === undefined || live.stop.signal.aborted) return;
    const left = until - Date.now();
    const go = () => (left > mostMs ? this.#wake(live) : this.#begin(live));
    live.timer = setTimeout(go, Math.min(mostMs, Math.max(0, left)));
  }

  /** @param {Live} live */
  async #go(live) {
    const { run, stop } = live;
    if (this.#free > 0) this.#free--;
    else await new Promise((resolve) => this.#line.push(() => resolve(undefined)));
    try {
      if (stop.signal.aborted) return;
      const outcome = await this.#outcome(live);
      note(run, outcome);
      // Of what is over no token is kept.
      await this.kept.keep(run, restsWith(outcome) ?? new Uint8Array(0));
      this.#wake(live);
    } finally {
      this.changes++;
      const next = this.#line.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  /** @param {Live} live @returns {Promise<Outcome | WasboxError>} */
  async #outcome({ run, stop, entries }) {
    const token = await this.kept.token(run);
    const tools = toolsOf(this.kept, run, (entry) => {
      if (!entries.some(({ id }) => id === entry.id)) entries.push(entry);
      this.changes++;
    });
    const options = {
      tools: Object.fromEntries(Object.entries(tools).map(([name, tool]) => [name, this.#whole(tool)])),
      limits: bounds.program,
      signal: stop.signal,
      print: (/** @type {import('wasbox/javascript').ConsoleEvent} */ { values }) => {
        run.printed.push(cut(values.map((value) => (typeof value === 'string' ? value : shown(value))).join(' '), 500));
        this.changes++;
      },
      save: (/** @type {Uint8Array} */ now) => this.kept.keep(run, now),
    };
    try {
      if (token !== undefined) return await resume(token, options);
      return await start(run.code, { ...options, id: run.id, file: 'program.js', type: 'shown' });
    } catch (error) {
      if (error instanceof WasboxError && !(error instanceof StoreError)) return error;
      throw error;
    }
  }

  /**
   * A tool of which the program hears no failure of the store: nobody could say then whether the call has acted.
   * @param {(...args: never[]) => unknown} tool
   */
  #whole(tool) {
    const { lost } = this;
    /** @this {import('wasbox/javascript').ToolCall} @param {unknown[]} args */
    return async function (...args) {
      try {
        return await Reflect.apply(tool, this, args);
      } catch (error) {
        if (error instanceof StoreError) lost(error);
        throw error;
      }
    };
  }

  /** @template T @param {Promise<T>} work */
  async #sure(work) {
    try {
      await work;
    } catch (error) {
      this.lost(error);
    }
  }
}

/** @param {Run} run */
const goesOn = (run) => Object.assign(run, { status: 'running', waits: [], until: undefined });

/** What came of a run, in its record. @param {Run} run @param {Outcome | WasboxError} outcome */
function note(run, outcome) {
  if (outcome instanceof WasboxError) return Object.assign(run, { status: 'stopped', answer: outcome.message });
  run.fuel = outcome.fuel;
  run.until = outcome.until;
  switch (outcome.status) {
    case 'done':
      return Object.assign(run, { status: 'done', answer: shown(outcome.value) });
    case 'failed':
      return Object.assign(run, { status: 'failed', answer: cut(outcome.error.stack, 2000) });
    case 'waiting':
      run.status = 'waiting';
      run.waits = outcome.calls.map(({ id, tool, args }) => ({ id, tool, args: args.map(shown) }));
      return;
    case 'sleeping':
      run.status = 'sleeping';
      return;
    case 'paused':
      // This process ends; for the next one it runs.
      return;
  }
}

/** @param {Outcome | WasboxError} outcome */
const restsWith = (outcome) => (outcome instanceof WasboxError ? undefined : outcome.token);

/** @param {unknown} value */
const shown = (value) => {
  const text = typeof value === 'string' ? JSON.stringify(value) : inspect(value, { depth: 4, maxArrayLength: 50 });
  return cut(text, 2000);
};

/** @param {string} text @param {number} most */
const cut = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);

/** @param {number} status @param {string} message @returns {never} */
function refuse(status, message) {
  throw new Refusal(status, message);
}
