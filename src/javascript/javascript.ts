// JavaScript for programs of others: runs, and goes on with tokens. What drives them is in run/, what they run in in
// machine/.

import { check, instanceOf, optionsOf, theOptions } from '../spec/options.ts';
import { type Base, makeBase, quickjsModule } from './machine/base.ts';
import { baseIn } from './machine/image.ts';
import { giveMachine, type Machine, takeMachine } from './machine/machine.ts';
import { codeStart, FarProgram, type ProgramThreads } from './run/afar.ts';
import { begin, type RunningProgram } from './run/begin.ts';
import { begunHere, Turns } from './run/here.ts';
import { inspectMachine, type TokenInfo } from './run/inspect.ts';
import { limitsOf, type ProgramLimitOptions } from './run/limits.ts';
import { checkResume, checkRun, type Driven, type ResumeOptions, type RunOptions } from './run/options.ts';
import { Program } from './run/program.ts';
import { checkRestored } from './run/restored.ts';
import { checkSession, Session, type SessionOptions } from './run/session.ts';
import { decodeToken } from './token/token.ts';

const wasmBytes = instanceOf(Uint8Array, 'a Uint8Array');
const codeText = check((v: unknown) => typeof v === 'string', 'a text');

/** What QuickJS comes with. */
export interface QuickJSOptions {
  /**
   * The file `wasbox/quickjs.image` of the same package: QuickJS as it is when it is booted, and as native code, so that
   * neither has to be made before the first program runs. One that is damaged, or of another QuickJS or another version of
   * wasbox, is as good as none. It is trusted as the package itself is: whoever gives an image gives code, which nobody
   * looks into.
   */
  readonly image?: Uint8Array | undefined;
}
const quickjsOptions = optionsOf<QuickJSOptions>({ image: instanceOf(Uint8Array, 'a Uint8Array') });

/** Each throws UsageError. */
function checkCode(code: string, options: RunOptions): void {
  codeText(code, 'the code');
  checkRun(options, theOptions);
}
function checkToken(token: Uint8Array, options: ResumeOptions): void {
  wasmBytes(token, 'a token');
  checkResume(options, theOptions);
}

/** Programs whose code runs on threads of somebody else. Each throws UsageError. */
export function runAfar(threads: ProgramThreads, code: string, options: RunOptions): FarProgram {
  checkCode(code, options);
  return new FarProgram(threads, codeStart(code, options), options);
}
export function resumedAfar(threads: ProgramThreads, token: Uint8Array, options: ResumeOptions): FarProgram {
  checkToken(token, options);
  return new FarProgram(threads, { kind: 'token', token }, options);
}

/** What a VM's memory may grow to: QuickJS counts what it hands out, and needs room besides. */
const roomFor = ({ memory }: ReturnType<typeof limitsOf>): number =>
  Math.min(2 ** 32, Math.ceil(memory * 1.25) + 2 ** 22);

/** QuickJS, ready to run programs. It is made once for a thread. */
export class JavaScript {
  private made: Base | undefined;
  /** For programs that have no QuickJS of their own. @hidden */
  readonly turns: ProgramThreads = new Turns(this);

  private constructor(
    private readonly bytes: Uint8Array,
    private image: Uint8Array | undefined,
  ) {}

  /**
   * Of the bytes of `quickjs-wasi/quickjs.wasm`. Throws UsageError for what is no bytes; what is in them is looked at when the
   * first program begins, which rejects with LinkError where that is another module or none.
   */
  static from(bytes: Uint8Array, options: QuickJSOptions = {}): JavaScript {
    wasmBytes(bytes, 'QuickJS');
    quickjsOptions(options, theOptions);
    return new JavaScript(bytes, options.image);
  }

  /** @hidden */
  get base(): Base {
    if (this.made !== undefined) return this.made;
    const { image, bytes } = this;
    this.image = undefined;
    this.made = (image && baseIn(image, bytes)) ?? makeBase(quickjsModule(bytes), 'auto');
    return this.made;
  }

  /**
   * Runs a program to its value, its failure, or to rest. Rejects with ProgramLimitError where it is over a limit, and with
   * UsageError for options that are none.
   */
  run(code: string, options: RunOptions = {}): RunningProgram {
    return begunHere(
      () => {
        checkCode(code, options);
        return this.program(code, options);
      },
      () => runAfar(this.turns, code, options),
    );
  }

  /** @hidden */
  program(code: string, options: RunOptions & Driven): Program {
    const { base } = this;
    const machine = takeMachine(base, options.engine ?? 'auto', roomFor(limitsOf(options.limits)));
    begin(machine, options);
    machine.evaluate(code, options.file ?? 'main.js', options.type ?? 'script');
    return new Program(base, machine, options, giveMachine);
  }

  /**
   * Goes on with a program where it came to rest, with the tools and limits of these options. Rejects as `run` does, and
   * with SnapshotError for bytes that are no token.
   */
  resume(token: Uint8Array, options: ResumeOptions = {}): RunningProgram {
    return begunHere(
      () => {
        checkToken(token, options);
        return this.resumed(token, options);
      },
      () => resumedAfar(this.turns, token, options),
    );
  }

  /** @hidden */
  resumed(token: Uint8Array, options: Driven): Program {
    return new Program(this.base, this.restored(token, options), options, giveMachine);
  }

  /** A session, in which each evaluation finds what those before it left. Throws UsageError. */
  session(options: SessionOptions = {}): Session {
    checkSession(options, theOptions);
    const { base } = this;
    const machine = takeMachine(base, options.engine ?? 'auto', roomFor(limitsOf(options.limits)));
    begin(machine, options);
    return new Session(base, machine, options);
  }

  /**
   * A session out of what `Session.save` gave, or a program's token: what it was about, `goOn` goes on with. Throws
   * SnapshotError.
   */
  openSession(token: Uint8Array, options: SessionOptions = {}): Session {
    wasmBytes(token, 'a token');
    checkSession(options, theOptions);
    return new Session(this.base, this.restored(token, options), options);
  }

  /**
   * What a token is; nothing of its program runs. `limits`: of its memory and values, as for `resume`. Throws SnapshotError,
   * ProgramLimitError, and HostError for one that tells calls which no program makes.
   */
  inspect(token: Uint8Array, { limits }: Pick<ResumeOptions, 'limits'> = {}): TokenInfo {
    wasmBytes(token, 'a token');
    checkResume({ limits }, theOptions);
    const machine = this.restored(token, { limits, engine: 'interpreter' });
    try {
      return inspectMachine(machine);
    } finally {
      machine.vm.dispose();
    }
  }

  private restored(token: Uint8Array, { limits, engine = 'auto' }: Pick<ResumeOptions, 'limits' | 'engine'>): Machine {
    const { base } = this;
    const all = limitsOf(limits as ProgramLimitOptions);
    const memory = roomFor(all);
    const machine = takeMachine(base, engine, memory, decodeToken(base, token, memory + roomBesides));
    try {
      checkRestored(machine, all);
      return machine;
    } catch (error) {
      machine.vm.dispose();
      throw error;
    }
  }
}

/** What a token holds besides memory. */
const roomBesides = 2 ** 26;
