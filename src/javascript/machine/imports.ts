// The twelve functions that QuickJS imports. Only one of them waits: a call of a tool, which whoever drives the program
// answers. What depends on nothing but its arguments and the program's state is answered at once.

import { hostFunction, notYet, retryHostFunction } from '../../host/define.ts';
import { hostModule } from '../../host/module.ts';
import { HostError } from '../../spec/errors.ts';
import { attempt } from '../../spec/told.ts';
import type { Imports } from '../../vm/imports.ts';
import { ops } from '../guest/ops.ts';
import { GuestMemory, type Handle } from './memory.ts';
import { type Context, type Owner, ProgramState, restoreState, saveState } from './state.ts';
import { aboutUrl } from './url.ts';

const errno = { success: 0, badFile: 8 } as const;

const memoryOf = (context: Context): GuestMemory =>
  new GuestMemory({
    call: (name, ...args) => context.call(name, ...args)[0] as number,
    callLong: (name, ...args) => context.call(name, ...args)[0] as bigint,
    bytes: () => context.memory(),
  });

/** Fuel for so many bytes that the host works on: a unit for each. */
const spendFor = (context: Context, bytes: number) => context.spend(bytes);

/** A place of four bytes for results, for as long as `use` takes. */
function scratched<T>(memory: GuestMemory, use: (scratch: number) => T): T {
  const scratch = memory.allocate(4);
  try {
    return use(scratch);
  } finally {
    memory.free(scratch);
  }
}

function ownerOf({ state }: Context): Owner {
  if (state.owner === null) throw new HostError('no program runs here');
  return state.owner;
}

/** Ends the program where a value is too large to cross. */
function sizeCheck(context: Context): (bytes: number) => void {
  const { mostBytes } = ownerOf(context);
  return (bytes) => {
    if (bytes > mostBytes) context.overLimit('value', mostBytes);
    spendFor(context, bytes);
  };
}

/** What a call of the host's one function asks for: its operation and the handles of its arguments. */
export interface Asked {
  readonly op: number;
  readonly args: readonly Handle[];
}

/** QuickJS calls no function with more arguments; a forged token may say that it does. */
const mostArgs = 2 ** 16;

export function askedOf(memory: GuestMemory, count: number, address: number): Asked {
  if (count > mostArgs) throw new HostError('the library asked with more than there can be');
  const [op = 0, ...args] = memory.words(address, count);
  return { op: memory.number(op), args };
}

/** A text and the message after it. */
export function readMessage(memory: GuestMemory, { args }: Asked, check: (bytes: number) => void) {
  return scratched(memory, (scratch) => {
    let size = 0;
    const add = (bytes: number) => {
      size += bytes;
      check(size);
    };
    const [name = 0, text = 0, ...blobs] = args;
    return {
      name: memory.readText(name, scratch, add),
      message: {
        text: memory.readText(text, scratch, add),
        blobs: blobs.map((blob) => memory.readBuffer(blob, scratch, add)),
      },
      size,
    };
  });
}

type Answer = (memory: GuestMemory, asked: Asked, context: Context) => Handle;

const undefinedOf = (memory: GuestMemory): Handle => memory.call('qjs_get_undefined');

function withText(
  memory: GuestMemory,
  { args }: Asked,
  context: Context,
  act: (text: string, scratch: number) => Handle,
) {
  return scratched(memory, (scratch) => act(memory.readText(args[0] ?? 0, scratch, sizeCheck(context)), scratch));
}

/** What is answered at once, by operation. */
const answers = new Map<number, Answer>([
  [
    ops.end,
    (memory, asked, context) => {
      const { name, message } = readMessage(memory, asked, sizeCheck(context));
      context.state.ending ??= { ...message, failed: name === 'error' };
      return undefinedOf(memory);
    },
  ],
  [
    ops.print,
    (memory, asked, context) => {
      const owner = ownerOf(context);
      const { name, message, size } = readMessage(memory, asked, sizeCheck(context));
      context.state.printed += size;
      if (context.state.printed > owner.mostOutput) context.overLimit('output', owner.mostOutput);
      owner.print(name, message);
      return undefinedOf(memory);
    },
  ],
  [
    ops.random,
    (memory, { args }, context) => {
      const bytes = new Uint8Array(Math.min(65_536, Math.max(0, memory.number(args[0] ?? 0) || 0)));
      spendFor(context, bytes.length);
      context.state.random.fill(bytes);
      return memory.buffer(bytes);
    },
  ],
  [
    ops.encode,
    (memory, { args }, context) =>
      memory.buffer(scratched(memory, (scratch) => memory.textBytes(args[0] ?? 0, scratch, sizeCheck(context)))),
  ],
  [
    ops.decode,
    (memory, asked, context) =>
      withText(memory, asked, context, (question, scratch) => {
        const text = decoded(question, memory.readBuffer(asked.args[1] ?? 0, scratch, sizeCheck(context)));
        return text === undefined ? undefinedOf(memory) : memory.text(text);
      }),
  ],
  [
    ops.url,
    (memory, asked, context) =>
      withText(memory, asked, context, (question) => {
        const answer = aboutUrl(question);
        return answer === undefined ? undefinedOf(memory) : memory.text(answer);
      }),
  ],
]);

function decoded(question: string, bytes: Uint8Array): string | undefined {
  const { label, fatal, ignoreBOM, name } = JSON.parse(question) as Record<string, unknown>;
  const options = { fatal: fatal === true, ignoreBOM: ignoreBOM === true };
  return attempt(() => {
    const decoder = new TextDecoder(String(label), options);
    return name === true ? decoder.encoding : decoder.decode(bytes);
  }, undefined);
}

const hostCall = retryHostFunction(
  ['i32', 'i32', 'i32', 'i32', 'i32'],
  ['i32'],
  (_name, _length, _self, count, address, context: Context) => {
    const memory = memoryOf(context);
    const asked = askedOf(memory, count, address);
    const known = context.state.owner?.answer;
    if (asked.op === ops.call && known !== undefined) return memory.text(known);
    if (asked.op === ops.call || asked.op === ops.begin) return notYet({});
    const answer = answers.get(asked.op);
    if (answer === undefined) throw new HostError('the library asked for what there is not');
    return answer(memory, asked, context);
  },
);

// Modules

const utf8 = new TextEncoder();

/** `./x` and `../x` are beside who imports them; all else is a name. */
export function resolved(importer: string, specifier: string): string {
  if (!/^\.\.?\//.test(specifier)) return specifier;
  const parts = importer.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function cText(context: Context, address: number): string {
  return context.readString(address);
}

function throwReference(memory: GuestMemory, message: string): number {
  const error = memory.call('qjs_new_error');
  const text = memory.text(message);
  memory.with(utf8.encode('message'), (name) => memory.call('qjs_define_prop_string', error, name, text, 3));
  memory.drop(text);
  memory.drop(memory.call('qjs_throw', error));
  memory.drop(error);
  return 0;
}

const loading = {
  host_module_normalize: hostFunction(['i32', 'i32'], ['i32'], (importer, specifier, context: Context) =>
    memoryOf(context).put(utf8.encode(resolved(cText(context, importer), cText(context, specifier)))),
  ),
  host_module_load: hostFunction(['i32', 'i32'], ['i32'], (address, length, context: Context) => {
    const memory = memoryOf(context);
    const name = cText(context, address);
    const source = ownerOf(context).source(name);
    if (source === undefined) return throwReference(memory, `there is no module ${JSON.stringify(name)}`);
    const bytes = utf8.encode(source);
    spendFor(context, bytes.length);
    const copy = memory.put(bytes);
    memory.setWord(length, bytes.length);
    return copy;
  }),
};

// Clocks and files

const system = {
  clock_time_get: hostFunction(['i32', 'i64', 'i32'], ['i32'], (id, _precision, address, context: Context) => {
    const { clock } = context.state;
    const bytes = context.memory();
    const time = id === 0 ? clock.realtime() : clock.monotonic();
    new DataView(bytes.buffer, bytes.byteOffset, bytes.length).setBigUint64(address >>> 0, time, true);
    return errno.success;
  }),
  random_get: hostFunction(['i32', 'i32'], ['i32'], (address, length, context: Context) => {
    context.state.random.fill(context.memory().subarray(address >>> 0, (address >>> 0) + (length >>> 0)));
    return errno.success;
  }),
  fd_close: hostFunction(['i32'], ['i32'], () => errno.badFile),
  fd_fdstat_get: hostFunction(['i32', 'i32'], ['i32'], () => errno.badFile),
  fd_seek: hostFunction(['i32', 'i64', 'i32', 'i32'], ['i32'], () => errno.badFile),
  fd_write: hostFunction(['i32', 'i32', 'i32', 'i32'], ['i32'], () => errno.badFile),
};

/** The state of programs, and all that QuickJS imports. */
export const programs = hostModule<ProgramState>({
  name: 'javascript',
  state: { create: () => new ProgramState(), save: saveState, restore: restoreState },
  keepsViews: false,
  functions: {
    ...system,
    ...loading,
    host_call: hostCall,
    host_interrupt: hostFunction([], ['i32'], () => 0),
    host_promise_rejection: hostFunction(['i32', 'i32', 'i32'], [], () => {}),
    host_get_timezone_offset: hostFunction(['i32', 'i32'], ['i32'], () => 0),
  },
});

export const imports: Imports = { env: programs.functions, wasi_snapshot_preview1: programs.functions };
