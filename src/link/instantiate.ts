// Allocates an instance in a store and runs its active segments. Matching the imports came before (match.ts), the start
// function comes after (vm.ts).
// https://webassembly.github.io/spec/core/exec/modules.html#instantiation

import type { Elem } from '../binary/module.ts';
import { countsOf } from '../runtime/counts.ts';
import { refKinds } from '../runtime/heap/ref.ts';
import type { ExternVal } from '../runtime/instance.ts';
import { allocateMemory } from '../runtime/memory/memory.ts';
import type { Module } from '../runtime/module/module.ts';
import { globalWords, type InstanceInst, type Store } from '../runtime/store.ts';
import { TableInst } from '../runtime/table.ts';
import { Trap } from '../spec/errors.ts';
import { checkDeadline } from '../spec/patience.ts';
import type { ExternKind, TableType } from '../spec/types.ts';
import { Evaluator } from './constant.ts';

type Draft = {
  -readonly [K in keyof InstanceInst]: InstanceInst[K] extends readonly number[] ? number[] : InstanceInst[K];
};

/**
 * Allocates all that the module declares. `imports` must match the module's. Throws LimitError, and then the store is
 * as before. `shared` asks for memories that can cross threads.
 */
export function allocate(store: Store, module: Module, imports: readonly ExternVal[], shared: boolean): InstanceInst {
  store.checkRoom(countsOf(module.context));
  const before = store.mark();
  try {
    return store.heap.keeping(() => new Allocation(store, module, imports, shared).run());
  } catch (error) {
    store.rollBack(before);
    throw error;
  }
}

class Allocation {
  private readonly instance: Draft;
  private readonly evaluator: Evaluator;

  constructor(
    private readonly store: Store,
    private readonly module: Module,
    imports: readonly ExternVal[],
    private readonly shared: boolean,
  ) {
    const imported = (kind: ExternKind) => imports.filter((given) => given.kind === kind).map(({ addr }) => addr);
    this.instance = {
      addr: store.instances.length,
      module,
      funcs: imported('func'),
      tables: imported('table'),
      memories: imported('memory'),
      globals: imported('global'),
      tags: imported('tag'),
      elems: [],
      droppedDatas: new Uint8Array(module.syntax.datas.length),
    };
    this.evaluator = new Evaluator(store, this.instance);
  }

  run(): InstanceInst {
    this.store.addInstance(this.instance);
    this.addFuncs();
    this.addGlobals();
    this.addTables();
    this.addMemories();
    this.addTags();
    for (const elem of this.module.syntax.elems) this.instance.elems.push(this.elements(elem));
    return this.instance;
  }

  private addFuncs(): void {
    const { funcs, importedFuncs } = this.module.context;
    for (let index = importedFuncs; index < funcs.length; index++) {
      checkDeadline('linking');
      const type = funcs[index] as (typeof funcs)[number];
      this.instance.funcs.push(this.store.addFunc({ kind: 'wasm', type, instance: this.instance, index }));
    }
  }

  private addGlobals(): void {
    const { globals, importedGlobals } = this.module.context;
    this.module.syntax.globals.forEach(({ init }, i) => {
      const value = this.evaluator.evaluate(init);
      const addr = this.store.addGlobal(globals[importedGlobals + i] as (typeof globals)[number]);
      this.store.globalWords.set(value, addr * globalWords);
      this.instance.globals.push(addr);
    });
  }

  private addTables(): void {
    const { tables, importedTables } = this.module.context;
    this.module.syntax.tables.forEach(({ init }, i) => {
      const type = tables[importedTables + i] as TableType;
      const table = new TableInst(type, Number(type.limits.min), this.shared);
      if (init !== undefined) {
        const [lo, hi] = this.evaluator.evaluate(init);
        table.fill(0, table.size, lo as number, hi as number);
      }
      this.instance.tables.push(this.store.addTable(table));
    });
  }

  private addMemories(): void {
    const { memories, importedMemories } = this.module.context;
    for (const type of memories.slice(importedMemories)) {
      checkDeadline('linking');
      const memory = allocateMemory(type, this.shared, this.store.memoryBudget);
      this.instance.memories.push(this.store.addMemory(memory));
    }
  }

  private addTags(): void {
    const { tags, importedTags } = this.module.context;
    for (const type of tags.slice(importedTags)) this.instance.tags.push(this.store.addTag(type));
  }

  /** A segment's references; declarative ones are dropped at once, so that nothing is kept of them. */
  private elements({ init, mode }: Elem): Int32Array {
    if (mode.kind === 'declarative') return new Int32Array(0);
    if (init.kind === 'funcs')
      return Int32Array.from({ length: init.funcs.length * 2 }, (_, i) =>
        i % 2 === 1 ? refKinds.func : (this.instance.funcs[init.funcs[i >> 1] as number] as number),
      );
    const words = new Int32Array(init.exprs.length * 2);
    init.exprs.forEach((expr, i) => {
      words.set(this.evaluator.evaluate(expr).subarray(0, 2), i * 2);
    });
    return words;
  }
}

/**
 * Copies the active segments, in the spec's order. Throws Trap where one does not fit: it leaves no trace then, those
 * before it stay.
 */
export function initialise(store: Store, instance: InstanceInst): void {
  const evaluator = new Evaluator(store, instance);
  initialiseTables(store, instance, evaluator);
  initialiseMemories(store, instance, evaluator);
}

/** https://webassembly.github.io/spec/core/exec/instructions.html#exec-table-init */
function initialiseTables(store: Store, instance: InstanceInst, evaluator: Evaluator): void {
  instance.module.syntax.elems.forEach(({ mode }, i) => {
    if (mode.kind !== 'active') return;
    checkDeadline('linking');
    const words = instance.elems[i] as Int32Array;
    const table = store.tables[instance.tables[mode.table] as number] as TableInst;
    const start = offset(evaluator.evaluate(mode.at), table.type.addr);
    if (start + words.length / 2 > table.size) throw new Trap('out of bounds table access', `element segment ${i}`);
    table.write(start, words);
    instance.elems[i] = new Int32Array(0);
  });
}

/** https://webassembly.github.io/spec/core/exec/instructions.html#exec-memory-init */
function initialiseMemories(store: Store, instance: InstanceInst, evaluator: Evaluator): void {
  const { bytes, syntax } = instance.module;
  syntax.datas.forEach(({ mode, init }, i) => {
    if (mode.kind !== 'active') return;
    checkDeadline('linking');
    const memory = store.memories[instance.memories[mode.memory] as number] as (typeof store.memories)[number];
    const start = offset(evaluator.evaluate(mode.at), memory.type.addr);
    if (start + init.end - init.start > memory.size) throw new Trap('out of bounds memory access', `data segment ${i}`);
    memory.bytes.set(bytes.subarray(init.start, init.end), start);
    instance.droppedDatas[i] = 1;
  });
}

/** An unsigned address. Where a double is not exact it is far out of all bounds. */
function offset([lo, hi]: Int32Array, type: 'i32' | 'i64'): number {
  const low = (lo as number) >>> 0;
  return type === 'i32' ? low : ((hi as number) >>> 0) * 2 ** 32 + low;
}
