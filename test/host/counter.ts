// A host module with a state of everything: a count, and blocks that it copies before it writes to them. Guests that use
// it.

import {
  type HostContext,
  type HostModule,
  hostFunction,
  hostModule,
  type Module,
  notYet,
  retryHostFunction,
  SnapshotError,
  VM,
  type VmOptions,
} from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

export interface Counter {
  count: number;
  readonly blocks: Uint8Array[];
  /** Blocks that others may have, too. */
  readonly given: Set<Uint8Array>;
}
type Context = HostContext<Counter>;

export const blockBytes = 2 ** 16;

const shared = (bytes: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(bytes));

/** Counts, keeps bytes, waits for a promise and for a time, exits. `ready` settles the wait of `ask`. */
export const counterModule = (name = 'counter', ready?: () => Promise<unknown> | undefined): HostModule<Counter> =>
  hostModule<Counter>({
    name,
    state: {
      create: () => ({ count: 0, blocks: [], given: new Set() }),
      save({ count, blocks, given }) {
        for (const block of blocks) given.add(block);
        return { data: { count }, blocks };
      },
      restore({ data, blocks }, most) {
        const { count } = Object(data) as { count?: unknown };
        if (!Number.isSafeInteger(count)) throw new SnapshotError('no count', 'state of the counter');
        if (blocks.length * blockBytes > most) throw new SnapshotError('too many blocks', 'state of the counter');
        return { count: count as number, blocks: [...blocks], given: new Set(blocks) };
      },
      dispose: ({ blocks }) => void blocks.splice(0),
    },
    functions: {
      next: hostFunction([], ['i32'], (context: Context) => ++context.state.count),
      write: hostFunction(['i32', 'i32'], [], (at, byte, { state }: Context) => {
        const block = Math.floor(at / blockBytes);
        while (state.blocks.length <= block) state.blocks.push(shared(blockBytes));
        let bytes = state.blocks[block] as Uint8Array;
        if (state.given.has(bytes)) {
          const own = shared(blockBytes);
          own.set(bytes);
          state.blocks[block] = own;
          bytes = own;
        }
        bytes[at % blockBytes] = byte;
      }),
      read: hostFunction(
        ['i32'],
        ['i32'],
        (at, { state }: Context) => state.blocks[Math.floor(at / blockBytes)]?.[at % blockBytes] ?? -1,
      ),
      ask: retryHostFunction(['i32'], ['i32'], (least, { state, callId }: Context) => {
        if (state.count >= least) return callId ?? 0;
        const event = ready?.();
        return notYet(event === undefined ? { until: Date.now() + 1 } : { event });
      }),
      quit: hostFunction(['i32'], [], (code, context) => context.exit(code)),
    },
  });

export const guest: Promise<Module> = moduleOf(`
  (import "counter" "next" (func $next (result i32)))
  (import "counter" "write" (func $write (param i32 i32)))
  (import "counter" "read" (func $read (param i32) (result i32)))
  (import "counter" "ask" (func $ask (param i32) (result i32)))
  (import "counter" "quit" (func $quit (param i32)))
  (func (export "count") (param $n i32) (result i32) (local $last i32)
    (loop $again
      (local.set $last (call $next))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $last))
  (func (export "fill") (param $from i32) (param $to i32) (param $step i32)
    (loop $again
      (call $write (local.get $from) (local.get $from))
      (br_if $again (i32.lt_u
        (local.tee $from (i32.add (local.get $from) (local.get $step)))
        (local.get $to)))))
  (func (export "get") (param i32) (result i32) (call $read (local.get 0)))
  (func (export "ask") (param i32) (result i32) (i32.add (i32.const 100) (call $ask (local.get 0))))
  (func $quit_deep (export "quit") (param i32)
    (block $out (try_table (catch_all $out) (call $quit (local.get 0))))
    (unreachable))`);

export const engines = ['interpreter', 'native'] as const;
export type Engine = (typeof engines)[number];
export const other = (engine: Engine): Engine => (engine === 'native' ? 'interpreter' : 'native');

export async function counting(
  engine: VmOptions['engine'],
  counter = counterModule(),
  limits: VmOptions['limits'] = {},
): Promise<VM> {
  const vm = new VM({ engine, sharedMemory: true, limits });
  vm.instantiate(await guest, { counter: counter.functions });
  return vm;
}

export const calls = (vm: VM, name: string, ...args: number[]): unknown => vm.invoke(vm.instance().func(name), args)[0];
