// Globals of the store, as native code sees them: each is a global of the instance that made it, or of a small instance
// of its own where JavaScript did. They stay there between runs, until somebody asks the store for their values: that costs
// as much as there are globals, and most calls of the host and most slices do not ask.

import { Writer } from '../../binary/writer.ts';
import { hostWasm } from '../../runtime/beneath/host-wasm.ts';
import { type GlobalInst, globalWords, type InstanceInst, type Store } from '../../runtime/store.ts';
import type { GlobalAddr } from '../../spec/types.ts';
import type { ScratchFunc } from '../read/index-spaces.ts';
import { type Low, lowOf, TypeSection } from '../read/types.ts';
import { Op } from '../write/ops.ts';
import { assemble, Code } from '../write/sections.ts';
import type { Scratch } from './scratch-memory.ts';

/** Bytes that a global takes in the scratch memory; they are those of the store's `globalWords`. */
const globalBytes = 4 * globalWords;

export const verbs = ['save', 'load'] as const;
type Verb = (typeof verbs)[number];

/** A function that copies a module's own globals, from the first on, to the scratch memory or from there. */
export function transfer(verb: Verb, types: readonly Low[], first: number, scratch: (name: ScratchFunc) => number) {
  const w = new Writer();
  w.byte(0);
  types.forEach((type, i) => {
    if (verb === 'save') {
      w.byte(Op.globalGet);
      w.u32(first + i);
    }
    w.byte(Op.i32Const);
    w.s32(i * globalBytes);
    w.byte(Op.call);
    w.u32(scratch(verb === 'save' ? `set_${type}` : `get_${type}`));
    if (verb === 'load') {
      w.byte(Op.globalSet);
      w.u32(first + i);
    }
  });
  w.byte(Op.end);
  return w.finish();
}

const holders = new Map<Low, WebAssembly.Module>();

/** A module with one global, as a guest's main module would have it. */
function holder(type: Low): WebAssembly.Module {
  const known = holders.get(type);
  if (known !== undefined) return known;
  const types = new TypeSection();
  const code = new Code();
  const func = (module: string, name: string, params: readonly Low[], results: readonly Low[]) =>
    ({ module, name, is: { kind: 'func', type: types.index(params, results) } }) as const;
  const imports = [func('scratch', `set_${type}`, [type, 'i32'], []), func('scratch', `get_${type}`, ['i32'], [type])];
  for (const verb of verbs)
    code.add(
      types.index([], []),
      transfer(verb, [type], 0, (name) => (name.startsWith('set') ? 0 : 1)),
    );
  const exports = [
    { name: 'g0', kind: 'global', index: 0 } as const,
    ...verbs.map((name, i) => ({ name, kind: 'func' as const, index: imports.length + i })),
  ];
  const { bytes } = assemble({ name: `global of type ${type}`, types, imports, code, globals: [type], exports });
  const made = new hostWasm.Module(bytes);
  holders.set(type, made);
  return made;
}

/** Some globals that follow each other in one instance of the host's. */
interface Held {
  readonly addrs: readonly GlobalAddr[];
  readonly exports: Readonly<Record<string, unknown>>;
  /** The number of the first. */
  readonly first: number;
}

export class GlobalMirror {
  private readonly held: Held[] = [];
  /** The host's globals by address. */
  private readonly places = new Map<GlobalAddr, unknown>();

  constructor(
    private readonly home: { readonly store: Store },
    private readonly scratch: Scratch,
  ) {}

  /** An instance's own globals are in this instance of the host's. */
  add({ module, globals }: InstanceInst, exports: WebAssembly.Exports): void {
    const first = module.context.importedGlobals;
    if (globals.length > first) this.hold({ addrs: globals.slice(first), exports, first });
  }

  private hold(held: Held): void {
    if (this.home.store.globalsAway === this) this.bringBack();
    this.held.push(held);
    held.addrs.forEach((addr, i) => {
      this.places.set(addr, held.exports[`g${held.first + i}`]);
    });
  }

  /** The host's global for one of the store's. */
  of(addr: GlobalAddr): unknown {
    if (this.places.has(addr)) return this.places.get(addr);
    const { type } = (this.home.store.globals[addr] as GlobalInst).type;
    const { exports } = new hostWasm.Instance(holder(lowOf(type)), { scratch: this.scratch.exports });
    this.hold({ addrs: [addr], exports, first: 0 });
    return exports.g0;
  }

  /** Takes over what the store has, where it is the store that has it. */
  load(): void {
    if (this.home.store.globalsAway === this) return;
    const { globalWords: from } = this.home.store;
    this.home.store.globalsAway = this;
    const { words } = this.scratch;
    for (const { addrs, exports } of this.held) {
      for (let i = 0; i < addrs.length; i++) {
        const at = (addrs[i] as number) * globalWords;
        for (let k = 0; k < globalWords; k++) words[i * globalWords + k] = from[at + k] as number;
      }
      (exports as Record<Verb, () => void>).load();
    }
  }

  /** Writes back to the store what code may have changed. */
  bringBack(): void {
    this.home.store.globalsAway = null;
    const { globals, globalWords: to } = this.home.store;
    const { words } = this.scratch;
    for (const { addrs, exports } of this.held) {
      (exports as Record<Verb, () => void>).save();
      for (let i = 0; i < addrs.length; i++) {
        const addr = addrs[i] as number;
        const { type, mutable } = (globals[addr] as GlobalInst).type;
        if (!mutable) continue;
        const at = addr * globalWords;
        const count = type === 'v128' ? 4 : 2;
        for (let k = 0; k < count; k++) to[at + k] = words[i * globalWords + k] as number;
      }
    }
  }
}
