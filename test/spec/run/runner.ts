// Runs the commands of a script and says which of them did not end as they should. A hopping run has a twin that runs the
// same script without hops, or, together with it, the same hops on the interpreter: after each command both must be in the
// same state, and all that both saved must have been the same bytes.
// https://github.com/WebAssembly/spec/tree/main/interpreter#scripts

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Module } from '../../../src/runtime/module/module.ts';
import {
  ExhaustionError,
  InvalidError,
  LinkError,
  MalformedError,
  Trap,
  WasboxError,
} from '../../../src/spec/errors.ts';
import { branchHints } from '../../../src/validate/hints.ts';
import type { EngineName } from '../../../src/vm/engines.ts';
import { otherwise, overtaken } from '../files.ts';
import { testsuite } from '../locate.ts';
import { AssembleError, assemble, takenAnyway } from '../script/assemble.ts';
import { type Action, type Command, type ModuleSource, parseScript } from '../script/script.ts';
import { resultsMatch, showExpected, showResults } from './expect.ts';
import type { Mode } from './pace.ts';
import { spectest } from './spectest.ts';
import { difference } from './twins.ts';
import { type Ending, World } from './world.ts';

export type { Mode } from './pace.ts';

export interface Failure {
  /** `file:line` */
  readonly at: string;
  readonly command: Command['type'];
  readonly expected: string;
  readonly got: string;
}

export interface Report {
  readonly file: string;
  /** Commands carried out, by type. */
  readonly counts: { readonly [K in Command['type']]?: number };
  readonly assertions: number;
  readonly failures: readonly Failure[];
  /** Malformed texts, among the assertions, that the assembler takes: they say nothing about the VM. */
  readonly taken: number;
  /** How many times the VM was saved and restored. */
  readonly hops: number;
}

/** Runs a file of the suite, given by its path in there. */
export async function runFile(
  file: string,
  mode?: Mode,
  engines?: readonly EngineName[],
  together?: boolean,
): Promise<Report> {
  return runScript(readFileSync(join(testsuite ?? '', file), 'utf8'), file, mode, engines, together);
}

export async function runScript(
  text: string,
  file: string,
  mode: Mode = 'whole',
  engines?: readonly EngineName[],
  together = false,
): Promise<Report> {
  const commands = parseScript(text, file);
  const threads = file.startsWith('proposals/threads/');
  const runner = new Runner(file, mode, await spectest(threads), commands.every(isSelfContained), engines, together);
  try {
    for (const command of commands) await runner.carryOut(command);
    return runner.report();
  } finally {
    runner.dispose();
  }
}

/** How a command ended that should have ended otherwise. */
class Unexpected extends Error {
  constructor(
    readonly expected: string,
    readonly got: string,
  ) {
    super(`${expected} expected, ${got}`);
  }
}

/** The command reaches no instance but the last one. */
const isSelfContained = (command: Command): boolean =>
  command.type !== 'register' &&
  command.type !== 'instance' &&
  !('action' in command && command.action.module !== undefined);

/**
 * A hop costs what the whole VM is worth: with so many instances, hopping goes on in a new VM where the script allows it.
 * Without hops a script has one VM.
 */
const crowd = 8;

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;
type ModuleAssertion = Extract<Command, { source: ModuleSource; message: string }>;

class Runner {
  private readonly world: World;
  /** Runs all without hops, where `world` hops; unless they hop together. */
  private readonly twin: World | undefined;
  private readonly definitions = new Map<string | undefined, Module>();
  /** Addresses of instances: by their name in the script (undefined: the last one), and by their name for imports. */
  private readonly instances = new Map<string | undefined, number>();
  private readonly registered = new Map<string, number>();
  private readonly counts: { [K in Command['type']]?: number } = {};
  private readonly failures: Failure[] = [];
  private taken = 0;
  /** Native code that traps does not know how much fuel it has used. */
  private readonly native: boolean;

  constructor(
    private readonly file: string,
    mode: Mode,
    private readonly spectest: Module,
    /** No command reaches an instance other than the last one. */
    private readonly selfContained: boolean,
    engines: readonly EngineName[] | undefined,
    /** The twin hops as well, on the interpreter, and saves the same bytes. */
    private readonly together: boolean,
  ) {
    this.native = engines !== undefined;
    this.world = new World(mode, engines);
    const alone = mode === 'whole' && engines === undefined;
    this.twin = alone ? undefined : new World(together ? mode : 'whole', ['interpreter']);
    this.registered.set('spectest', this.instantiate(spectest));
  }

  report(): Report {
    const { file, counts, failures, taken } = this;
    const assertions = Object.entries(counts).reduce((sum, [type, n]) => sum + (isAssertion(type) ? n : 0), 0);
    return { file, counts, assertions, failures, taken, hops: this.world.hops };
  }

  dispose(): void {
    this.world.dispose();
    this.twin?.dispose();
  }

  async carryOut(command: Command): Promise<void> {
    this.counts[command.type] = (this.counts[command.type] ?? 0) + 1;
    try {
      await this.perform(command);
    } catch (error) {
      const { expected, got } = error instanceof Unexpected ? error : { expected: 'no error', got: told(error) };
      this.failures.push({ at: `${this.file}:${command.line}`, command: command.type, expected, got });
    }
  }

  private async perform(command: Command): Promise<void> {
    switch (command.type) {
      case 'module':
        return this.module(command);
      case 'instance':
        return this.name(command.name, this.instantiate(this.definition(command.module)));
      case 'register':
        this.registered.set(command.as, this.instance(command.name));
        return;
      case 'action':
        return this.returned(command.action);
      case 'assert_return':
        return this.returned(command.action, command);
      case 'assert_trap':
      case 'assert_exhaustion':
        return this.trapped(command);
      case 'assert_exception':
        return expectError('an exception', isException, this.act(command.action));
      case 'assert_uninstantiable':
        return this.uninstantiable(await compile(command.source), command.message);
      case 'assert_unlinkable':
        return this.unlinkable(await compile(command.source), command.message);
      case 'assert_invalid':
        if (overtaken({ file: this.file, message: command.message })) return void (await compile(command.source));
        return expectInvalid(command, compile(command.source));
      case 'assert_invalid_custom':
        return expectInvalid(command, readHints(command.source));
      case 'assert_malformed':
      case 'assert_malformed_custom':
        return this.malformed(command);
      default:
        return command satisfies never;
    }
  }

  // Modules and instances

  private async module({ name, definition, source }: CommandOf<'module'>): Promise<void> {
    const module = await compile(source);
    this.definitions.set(undefined, module).set(name, module);
    if (this.twin !== undefined && this.selfContained && this.world.size > crowd) this.renew(this.twin);
    if (!definition) this.name(name, this.instantiate(module));
  }

  private renew(twin: World): void {
    for (const world of [this.world, twin]) world.renew();
    this.registered.clear();
    this.registered.set('spectest', this.instantiate(this.spectest));
  }

  private name(name: string | undefined, addr: number): void {
    this.instances.set(undefined, addr).set(name, addr);
  }

  private definition(name: string | undefined): Module {
    return this.definitions.get(name) ?? fail(`no module definition ${name ?? 'yet'}`);
  }

  private instance(name: string | undefined): number {
    return this.instances.get(name) ?? fail(`no instance ${name ?? 'yet'}`);
  }

  private instantiate(module: Module): number {
    return this.inBoth((world) => world.instantiate(module, this.registered));
  }

  private uninstantiable(module: Module, message: string): void {
    const error = thrown(() => this.instantiate(module));
    if (!(error instanceof Trap && error.message.startsWith(message)))
      throw new Unexpected(`trap: ${message}`, told(error));
  }

  private unlinkable(module: Module, message: string): void {
    const error = thrown(() => this.instantiate(module));
    if (!(error instanceof LinkError && error.message.startsWith(message)))
      throw new Unexpected(`unlinkable: ${message}`, told(error));
  }

  private async malformed({ source, message, line }: ModuleAssertion) {
    const at = `${this.file}:${line}`;
    const error = await rejection(compile(source));
    // Text is the assembler's business: whatever it says against it is right.
    if (error instanceof AssembleError && source.kind !== 'binary') return;
    const words = source.kind === 'binary' && !otherwise.has(at) ? message : '';
    if (error instanceof MalformedError && error.message.startsWith(words)) return;
    if (!takenAnyway.has(at)) throw new Unexpected(`malformed: ${message}`, told(error));
    this.taken++;
  }

  // Actions

  private act(action: Action): Ending {
    const instance = this.instance(action.module);
    return this.inBoth((world) =>
      action.kind === 'get' ? world.get(instance, action.field) : world.invoke(instance, action.field, action.args),
    );
  }

  private returned(action: Action, assertion?: CommandOf<'assert_return'>): void {
    const ending = this.act(action);
    const expected = assertion === undefined ? 'a result' : showExpected(assertion.expected);
    if (ending.status === 'trapped') throw new Unexpected(expected, told(ending.error));
    if (assertion !== undefined && !resultsMatch(assertion.expected, ending.results))
      throw new Unexpected(expected, showResults(ending.results));
  }

  private trapped({ type, action, message }: CommandOf<'assert_trap' | 'assert_exhaustion'>): void {
    const exhausted = type === 'assert_exhaustion';
    expectError(
      `trap: ${message}`,
      (error) => trapMessage(error).startsWith(message) && error instanceof ExhaustionError === exhausted,
      this.act(action),
    );
  }

  /** Does it in the world and in its twin, which must end alike. */
  private inBoth<T extends Ending | number>(act: (world: World) => T): T {
    const { twin } = this;
    if (twin === undefined) return act(this.world);
    const other = attempt(() => act(twin));
    const own = attempt(() => act(this.world));
    if (this.native && isTrapped(own)) this.world.takeFuel(twin);
    const differs =
      told(own.error) === told(other.error) && alike(own.value, other.value)
        ? (difference(this.world.vm.store, twin.vm.store) ?? this.savedOtherwise(twin))
        : `${own.error === undefined ? show(own.value) : told(own.error)}`;
    if (differs !== undefined)
      throw new Unexpected(
        `as without hops: ${other.error === undefined ? show(other.value) : told(other.error)}`,
        differs,
      );
    if ('error' in own) throw own.error;
    return own.value as T;
  }

  /** Where the engines stop at the same places, the first hop at which they did not save the same bytes. */
  private savedOtherwise(twin: World): string | undefined {
    const [own, other] = [this.world.takeTrail(), twin.takeTrail()];
    if (!this.together) return undefined;
    const at = other.findIndex((digest, i) => digest !== own[i]);
    if (own.length !== other.length) return `hops: ${own.length} and ${other.length}`;
    return at < 0 ? undefined : `saved bytes at hop ${at} of ${own.length}`;
  }
}

const isTrapped = ({ value, error }: { value?: Ending | number; error?: unknown }): boolean =>
  error !== undefined || (typeof value === 'object' && value.status === 'trapped');

const isAssertion = (type: string): boolean => type.startsWith('assert_');

/** The suite has the number of an element right after the trap's name. */
const trapMessage = (error: Error): string => error.message.replace(/: (?=\d+$)/, ' ');

/** Throws what decoding and validating throw, or an AssembleError. */
const compile = async (source: ModuleSource): Promise<Module> => Module.from(await assemble(source));

function expectError(expected: string, suits: (error: Error) => boolean, ending: Ending): void {
  if (ending.status !== 'trapped' || !suits(ending.error)) throw new Unexpected(expected, show(ending));
}

const isException = (error: Error): boolean => error instanceof Trap && error.kind === 'uncaught exception';

async function expectInvalid({ message }: ModuleAssertion, reading: Promise<unknown>): Promise<void> {
  const error = await rejection(reading);
  if (!(error instanceof InvalidError && error.message.startsWith(message)))
    throw new Unexpected(`invalid: ${message}`, told(error));
}

/** Custom sections never make a module invalid: they are checked when they are read. */
const readHints = async (source: ModuleSource) => branchHints((await compile(source)).context);

function thrown(act: () => unknown): unknown {
  return attempt(act).error;
}

function attempt<T>(act: () => T): { value?: T; error?: unknown } {
  try {
    return { value: act() };
  } catch (error) {
    return { error };
  }
}

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

const show = (value: Ending | number | undefined): string =>
  typeof value !== 'object' ? `${value}` : value.status === 'returned' ? showResults(value.results) : told(value.error);

/** Engines need not agree on which NaN it is. */
const alike = (a: Ending | number | undefined, b: Ending | number | undefined): boolean =>
  show(a).replace(nans, 'nan') === show(b).replace(nans, 'nan');
const nans = /0x[7f]f(?:[c-f][0-9a-f]{5}|[8-f][0-9a-f]{13})\b/g;

/** An error as failures tell it; of one that is no result of the guest's doing, where it comes from. */
function told(error: unknown): string {
  if (!(error instanceof Error)) return error === undefined ? 'no error' : `${error}`;
  const known = error instanceof WasboxError && error.code !== 'crash';
  if (known) return `${error.name}: ${error.message}`;
  const cause = error.cause instanceof Error ? `\n${error.cause.stack}` : '';
  return `${error.stack}${cause}`.split('\n').slice(0, 8).join('\n');
}

function fail(message: string): never {
  throw new Error(message);
}
