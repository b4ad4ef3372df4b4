// Values at the edge of a VM that crosses threads: what may leave it, and how a service's answer becomes results.
// Whether a value is of its type at all is checked where it enters a slot (runtime/value.ts).

import { Ref, type Value } from '../../runtime/heap/ref.ts';
import { UsageError } from '../../spec/errors.ts';
import type { ValType } from '../../spec/types.ts';

/** Throws UsageError for references into the VM: they mean nothing outside of it. */
export function checkLeaving(values: readonly Value[], what: string): void {
  const at = values.findIndex((value) => value instanceof Ref);
  if (at >= 0) throw new UsageError(`${what} ${at} is a reference into the VM, which cannot leave its thread`);
}

/** One result is given as it is, several as a list, none as anything. Throws UsageError. */
export function resultsOf(answer: unknown, types: readonly ValType[]): Value[] {
  if (types.length === 0) return [];
  const list = types.length === 1 ? [answer] : answer;
  if (!Array.isArray(list) || list.length !== types.length)
    throw new UsageError(`a list of ${types.length} results is expected`);
  return types.map((type, i) => adapted(list[i], type));
}

/** JavaScript has one kind of number, and truth values: safe integers serve as i64, true and false as i32. */
function adapted(value: unknown, type: ValType): Value {
  if (type === 'i64' && Number.isSafeInteger(value)) return BigInt(value as number);
  if (type === 'i32' && typeof value === 'boolean') return Number(value);
  return value;
}
