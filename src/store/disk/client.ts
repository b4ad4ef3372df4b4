// A store on disk, as its user holds it. The file is open in a process of its own (serve.ts), which is started when it is needed
// and may be lost: what LMDB cannot read ends that process and not this one. Here everything that was read is checked.

import { type ChildProcess, fork } from 'node:child_process';
import { resolve as absolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StoreError } from '../../spec/errors.ts';
import { messageOf } from '../../spec/told.ts';
import { aBlobName, aHeadName, checkCommit, checkList, checkNames } from '../checks.ts';
import { missing, readBlob, readHead, writeBlob } from '../form.ts';
import type { Collected, Commit, Head, KeptBlob, ListOptions, Store } from '../types.ts';
import { limited, makeFolder, troubleOf } from './look.ts';
import { beat, type Kind, type Questions, type Request, type Response, unpackHeads } from './protocol.ts';

/** A source file's process is a source file, a compiled one's a compiled one. */
const isSource = import.meta.url.endsWith('.ts');
const entry = fileURLToPath(new URL(`../../../workers/store.${isSource ? 'ts' : 'js'}`, import.meta.url));

/** How a process ends that has read what is no page. */
const damageSignals: readonly (NodeJS.Signals | null)[] = ['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE'];

/** What does not change by trying again. */
const hopeless: readonly StoreError['reason'][] = ['damaged', 'version'];

const defaultTimeout = 30_000;
/** In so many steps the silence is measured: time in which we ourselves stood still is no more than one of them. */
const looks = 10;

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: StoreError) => void;
}

export class DiskStore implements Store {
  private readonly path: string;
  private keeper: Keeper | undefined;
  private closing: Promise<void> | undefined;

  constructor(
    path: string,
    private readonly timeout = defaultTimeout,
  ) {
    this.path = absolute(path);
  }

  /** Opens the file, or tells why it cannot be. */
  async open(): Promise<void> {
    await (await this.keep()).opened;
  }

  async commit(commit: Commit): Promise<number> {
    checkCommit(commit);
    return this.ask('commit', {
      blobs: (commit.blobs ?? []).map(writeBlob),
      heads: (commit.heads ?? []).map(plainChange),
    });
  }

  async head(name: string): Promise<Head | undefined> {
    aHeadName(name, 'the name');
    const form = await this.ask('head', name);
    return form === undefined ? undefined : readHead(name, form);
  }

  async list(options: ListOptions = {}): Promise<readonly Head[]> {
    checkList(options);
    const packed = await this.ask('list', { ...options });
    return unpackHeads(packed, headOrDamage);
  }

  async get(name: string): Promise<KeptBlob> {
    aBlobName(name, 'the name');
    const form = await this.ask('get', name);
    if (form === undefined) throw missing(name, 'somebody asks for');
    return readBlob(name, form);
  }

  async has(names: readonly string[]): Promise<readonly boolean[]> {
    checkNames(names);
    return this.ask('has', [...names]);
  }

  collect(): Promise<Collected> {
    return this.ask('collect', undefined);
  }

  close(): Promise<void> {
    this.closing ??= this.keeper?.close() ?? Promise.resolve();
    return this.closing;
  }

  private async ask<K extends Kind>(kind: K, ask: Questions[K]['ask']): Promise<Questions[K]['answer']> {
    const keeper = await this.keep();
    await keeper.opened;
    return keeper.ask(kind, ask);
  }

  /** The process that has the file open: another one where the last is gone. */
  private async keep(): Promise<Keeper> {
    if (this.closing !== undefined) throw new StoreError('the store is closed', 'closed', this.path);
    const { keeper } = this;
    if (keeper?.hopeless !== undefined) throw keeper.hopeless;
    if (keeper !== undefined && !keeper.gone) return keeper;
    makeFolder(this.path);
    this.keeper = started(this.path, this.timeout);
    return this.keeper;
  }
}

/** One process. */
class Keeper {
  readonly opened: Promise<undefined>;
  gone = false;
  /** Another process would fare no better. */
  hopeless: StoreError | undefined;
  private readonly child: ChildProcess;
  private readonly pending = new Map<number, Pending>();
  private readonly ended: Promise<void>;
  private count = 0;
  /** Of the looks since something was asked, those since it last said anything. */
  private silence = 0;
  private watch: NodeJS.Timeout | undefined;

  constructor(
    private readonly path: string,
    private readonly timeout: number,
  ) {
    this.child = fork(entry, [], {
      serialization: 'advanced',
      // What LMDB prints when a disk is full is told by an error.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: isSource ? process.execArgv.filter((arg) => arg.startsWith('--import')) : [],
      detached: true,
    });
    this.child.on('message', (response: Response | typeof beat) => {
      this.silence = 0;
      if (response !== beat) this.settle(response);
    });
    this.ended = new Promise((resolve) => {
      // A message that could not be sent is told by `exit`, too; a process that could not be started by nothing else.
      this.child.on('error', () => {
        this.child.kill('SIGKILL');
        if (this.child.pid !== undefined) return;
        this.lose(this.goneError(null));
        resolve();
      });
      this.child.on('exit', (_, signal) => {
        this.lose(this.goneError(signal));
        resolve();
      });
    });
    this.opened = this.ask('open', path);
    this.opened.catch((error: StoreError) => {
      this.gone = true;
      if (hopeless.includes(error.reason)) this.hopeless = error;
      this.child.kill('SIGKILL');
    });
  }

  ask<K extends Kind>(kind: K, ask: Questions[K]['ask']): Promise<Questions[K]['answer']> {
    const request: Request = { id: this.count++, kind, ask };
    return new Promise((resolve, reject) => {
      if (this.gone) return reject(this.goneError(null));
      if (this.pending.size === 0) this.hold(true);
      this.pending.set(request.id, { resolve: resolve as Pending['resolve'], reject });
      this.child.send(request);
    });
  }

  private settle(response: Response): void {
    const asked = this.pending.get(response.id);
    this.pending.delete(response.id);
    if (this.pending.size === 0) this.hold(false);
    if ('answer' in response) asked?.resolve(response.answer);
    else asked?.reject(errorFrom(response.failure));
  }

  /** While something is asked, the process that asks lives on. */
  private hold(held: boolean): void {
    for (const each of [this.child, this.child.channel])
      if (held) each?.ref();
      else each?.unref();
    clearInterval(this.watch);
    this.silence = 0;
    if (held) this.watch = setInterval(() => this.look(), this.timeout / looks);
  }

  /** One that stands still is ended, for whoever asks next. */
  private look(): void {
    if (++this.silence <= looks) return;
    const why = `the process that keeps the file has not answered for ${this.timeout} ms, and was ended`;
    this.lose(new StoreError(why, 'gone', this.path));
    this.child.kill('SIGKILL');
  }

  private lose(error: StoreError): void {
    this.gone = true;
    clearInterval(this.watch);
    if (hopeless.includes(error.reason)) this.hopeless = error;
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }

  private goneError(signal: NodeJS.Signals | null): StoreError {
    if (signal === 'SIGXFSZ') return limited(this.path);
    if (!damageSignals.includes(signal))
      return new StoreError('the process that keeps the file has ended', 'gone', this.path);
    const damaged = 'the file is damaged: reading it ended the process that keeps it';
    return troubleOf(this.path) ?? new StoreError(damaged, 'damaged', this.path);
  }

  async close(): Promise<void> {
    await this.opened.then(() => this.ask('close', undefined)).catch(() => {});
    this.child.ref();
    const late = setTimeout(() => this.child.kill('SIGKILL'), this.timeout);
    await this.ended;
    clearTimeout(late);
  }
}

/** Bytes of shared memory, and such as are a part of something large, are copied. */
const plainChange = ({ name, expected, state }: NonNullable<Commit['heads']>[number]) => ({
  name,
  expected,
  state: state && { links: [...(state.links ?? [])], data: new Uint8Array(state.data ?? []) },
});

function headOrDamage(name: string, form: Uint8Array): Head {
  try {
    return readHead(name, form);
  } catch (error) {
    return { name, version: 0, links: [], data: new Uint8Array(0), damage: messageOf(error) };
  }
}

/** Its message has the place in it already. */
function errorFrom({
  reason,
  message,
  where,
}: {
  reason: StoreError['reason'];
  message: string;
  where: string;
}): StoreError {
  const end = ` (${where})`;
  return new StoreError(message.endsWith(end) ? message.slice(0, -end.length) : message, reason, where);
}

function started(path: string, timeout: number): Keeper {
  try {
    return new Keeper(path, timeout);
  } catch (cause) {
    throw new StoreError(`the process that keeps the file cannot be started: ${messageOf(cause)}`, 'io', path, {
      cause,
    });
  }
}

/** Opens the store in a folder, which is made if it is not there. Rejects with StoreError. */
export async function openDisk(path: string, timeout?: number): Promise<Store> {
  const store = new DiskStore(path, timeout);
  await store.open();
  return store;
}
