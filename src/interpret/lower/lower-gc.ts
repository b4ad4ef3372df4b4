// How structures, arrays and casts are lowered: each to a routine of gc.ts.

import { type Shape, shapeOf } from '../../runtime/heap/shape.ts';
import type { DefType } from '../../spec/deftypes.ts';
import type { Special } from '../../spec/instructions.ts';
import type { Lowerer } from './lowerer.ts';

type Lowering = (l: Lowerer) => void;

/** The shape of the type that the instruction names. */
const shapeAt = (l: Lowerer): Shape => shapeOf(l.v.context.types[l.v.reader.x] as DefType);

/** The `_s` variant of a row. */
const isSigned = (l: Lowerer): number => (l.v.reader.row.name.endsWith('_s') ? 1 : 0);

/** A routine of the row's name for the shape; `immediates` follow the shape's number. */
const onShape =
  (params: number, results: number, immediates: (l: Lowerer) => readonly number[] = () => []): Lowering =>
  (l) =>
    l.routine(
      l.v.reader.row.name,
      params,
      Array.from({ length: results }, () => 2),
      [l.code.shapeNumber(shapeAt(l)), ...immediates(l)],
    );

const second = (l: Lowerer): readonly number[] => [l.v.reader.y];

function get(l: Lowerer, name: string, params: number, immediates: readonly number[]): void {
  const shape = shapeAt(l);
  const field = shape.element ?? shape.fields[l.v.reader.y];
  l.routine(name, params, [field?.slotWords ?? 2], [l.code.shapeNumber(shape), ...immediates, isSigned(l)]);
}

function structNew(l: Lowerer): void {
  const shape = shapeAt(l);
  l.routine('struct.new', shape.fields.length, [2], [l.code.shapeNumber(shape)]);
}

/** The reference type that a cast is to. */
function cast(l: Lowerer, name: string): void {
  const { heap, row } = l.v.reader;
  const type = l.v.closedRef(heap, row.name.endsWith(' null'));
  l.routine(name, 1, [2], [l.code.typeNumber(type)]);
}

/** A reference keeps its words when it changes its hierarchy. */
const nothing: Lowering = () => undefined;

export const gcLowerings = {
  'struct.new': structNew,
  'struct.new_default': onShape(0, 1),
  'struct.get': (l) => get(l, 'struct.get', 1, [l.v.reader.y]),
  'struct.set': onShape(2, 0, second),
  'array.new': onShape(2, 1),
  'array.new_default': onShape(1, 1),
  'array.new_fixed': (l) => onShape(l.v.reader.y, 1, second)(l),
  'array.new_data': onShape(2, 1, second),
  'array.new_elem': onShape(2, 1, second),
  'array.get': (l) => get(l, 'array.get', 2, []),
  'array.set': onShape(3, 0),
  'array.fill': onShape(4, 0),
  'array.copy': onShape(5, 0),
  'array.init_data': onShape(4, 0, second),
  'array.init_elem': onShape(4, 0, second),
  'ref.test': (l) => cast(l, 'ref.test'),
  'ref.cast': (l) => cast(l, 'ref.cast'),
  'any.convert_extern': nothing,
  'extern.convert_any': nothing,
} satisfies Partial<Record<Special, Lowering>>;
