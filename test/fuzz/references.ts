// References in random programs: functions and what the host gave, tables of functions, and objects.

import type { Body } from './body.ts';
import {
  codes,
  dataSize,
  objectTypes,
  type Plain,
  type Reference,
  type Storage,
  type Type,
  tableMost,
  typeOfObject,
} from './shape.ts';

/** The table that changes. */
const table = 1;
const eq = codes.eqref;

/** Pushes a reference. */
export function reference(body: Body, type: Reference, depth: number): void {
  const { random } = body;
  if (type === 'funcref' && random.chance(2)) {
    body.masked(7, depth + 1);
    return body.op('table.get', table);
  }
  if (type !== 'eqref') return body.leaf(type);
  return random.chance(3) ? read(body, 'eqref', depth) : object(body, depth);
}

/** A new object, or a small number. */
function object(body: Body, depth: number): void {
  const { random } = body;
  if (random.chance(4)) {
    body.expression('i32', depth + 1);
    return body.op('ref.i31');
  }
  const place = random.below(objectTypes.length);
  const { kind, fields } = objectTypes[place] as (typeof objectTypes)[number];
  const type = typeOfObject(body.shape, place);
  if (kind === 'struct') {
    if (random.chance(4)) return body.op('struct.new_default', type);
    for (const field of fields) body.expression(unpacked(field), depth + 3);
    return body.op('struct.new', type);
  }
  const element = unpacked(fields[0] as Storage);
  switch (random.below(element === 'eqref' ? 3 : 4)) {
    case 0:
      body.expression(element, depth + 1);
      body.masked(7, depth + 2);
      return longer(body, () => body.op('array.new', type));
    case 1:
      body.masked(7, depth + 2);
      return longer(body, () => body.op('array.new_default', type));
    case 2:
      for (let i = 0; i < 8; i++) body.leaf(element);
      return body.op('array.new_fixed', type, 8);
    default:
      body.constant('i32', 0, 0);
      body.constant('i32', dataSize / 8, 0);
      return body.op('array.new_data', type, 0);
  }
}

/** Arrays have eight elements or more, so that a masked index is good. */
function longer(body: Body, make: () => void): void {
  body.constant('i32', 8, 0);
  body.op('i32.or');
  make();
}

const unpacked = (field: Storage): Plain | 'eqref' => (field === 'i8' || field === 'i16' ? 'i32' : field);

/** A place of an object that may hold values of the type. */
function place(body: Body, type: Type): { object: number; field: number } | undefined {
  const places = objectTypes.flatMap(({ fields }, object) =>
    fields.flatMap((field, i) => (unpacked(field) === type ? [{ object, field: i }] : [])),
  );
  return places.length === 0 ? undefined : body.random.pick(places);
}

/** Reads from an object, if it is one of the right type. */
function read(body: Body, type: Type, depth: number): void {
  const found = place(body, type);
  if (found === undefined) return body.leaf(type);
  const { kind, fields } = objectTypes[found.object] as (typeof objectTypes)[number];
  const index = typeOfObject(body.shape, found.object);
  const packed = fields[found.field] !== type;
  const get = `${kind}.get${packed ? body.random.pick(['_s', '_u']) : ''}`;
  const use = () => {
    if (kind === 'struct') return body.op(get, index, found.field);
    body.masked(7, depth + 2);
    body.op(get, index);
  };
  if (body.random.chance(3)) return castByBranch(body, index, type, depth, use);
  castByTest(body, index, type, depth, use);
}

function castByTest(body: Body, index: number, result: Type | undefined, depth: number, use: () => void): void {
  const local = body.locals.lastIndexOf('eqref');
  body.expression('eqref', depth + 1);
  body.op('local.tee', local);
  heapOp(body, body.random.chance(50) ? 'ref.test null' : 'ref.test', index);
  body.block('if', result, () => {
    body.op('local.get', local);
    heapOp(body, 'ref.cast', index);
    use();
    if (result === undefined) return;
    body.op('else');
    body.leaf(result);
  });
}

function castByBranch(body: Body, index: number, result: Type, depth: number, use: () => void): void {
  const fails = body.random.chance(2);
  body.block('block', result, () => {
    body.op('block');
    if (fails) body.w.byte(eq);
    else {
      body.w.byte(0x64);
      body.w.s33(index);
    }
    body.within(undefined, () => {
      body.expression('eqref', depth + 1);
      body.op(fails ? 'br_on_cast_fail' : 'br_on_cast');
      body.w.byte(1);
      body.w.u32(0);
      body.w.byte(eq);
      body.w.s33(index);
      if (fails) use();
      else {
        body.op('drop');
        body.leaf(result);
      }
      body.op('br', 1);
    });
    if (!fails) return use();
    body.op('drop');
    body.leaf(result);
  });
}

function heapOp(body: Body, name: string, index: number): void {
  body.op(name);
  body.w.s33(index);
}

/** Writes to an object, if it is one of the right type. */
function write(body: Body, depth: number): void {
  const { random } = body;
  const object = random.below(objectTypes.length);
  const { kind, fields } = objectTypes[object] as (typeof objectTypes)[number];
  const index = typeOfObject(body.shape, object);
  const field = random.below(fields.length);
  const value = () => body.expression(unpacked(fields[field] as Storage), depth + 2);
  castByTest(body, index, undefined, depth, () => {
    if (kind === 'struct') {
      value();
      return body.op('struct.set', index, field);
    }
    body.masked(3, depth + 2);
    if (random.chance(2)) {
      value();
      return body.op('array.set', index);
    }
    if (random.chance(2)) {
      value();
      body.masked(3, depth + 2);
      return body.op('array.fill', index);
    }
    const local = body.locals.lastIndexOf('eqref');
    body.op('local.get', local);
    heapOp(body, 'ref.cast', index);
    body.masked(3, depth + 3);
    body.constant('i32', random.below(5), 0);
    body.op('array.copy', index, index);
  });
}

/** Changes the second table, or an object. */
export function referenceStatement(body: Body, depth: number): void {
  const { random } = body;
  if (body.shape.features.has('gc') && random.chance(2)) return write(body, depth);
  const masked = (bits: number) => body.masked(bits, depth + 1);
  switch (random.below(5)) {
    case 0:
      body.expression('funcref', depth + 1);
      masked(1);
      body.op('table.grow', table);
      return body.op('drop');
    case 1:
      masked(3);
      body.expression('funcref', depth + 1);
      masked(3);
      return body.op('table.fill', table);
    case 2:
      for (let i = 0; i < 3; i++) masked(3);
      return body.op('table.copy', table, random.below(2));
    case 3:
      masked(7);
      body.constant('i32', 0, 0);
      masked(1);
      return body.op('table.init', 1, table);
    default:
      masked(random.chance(40) ? tableMost : 7);
      body.expression('funcref', depth + 1);
      return body.op('table.set', table);
  }
}

/** Pushes an i32 that says something about a reference. */
export function referenceTest(body: Body, depth: number): void {
  const { random, shape } = body;
  if (!shape.features.has('gc') || random.chance(4)) {
    if (random.chance(3)) return body.op('table.size', table);
    body.expression(random.pick(shape.types.filter((type) => type.endsWith('ref'))), depth + 1);
    return body.op('ref.is_null');
  }
  const index = typeOfObject(shape, random.below(objectTypes.length));
  switch (random.below(6)) {
    case 0:
      body.expression('eqref', depth + 1);
      body.expression('eqref', depth + 1);
      return body.op('ref.eq');
    case 1:
      body.expression('eqref', depth + 1);
      return heapOp(body, 'ref.test', index);
    case 2:
      body.expression('eqref', depth + 1);
      body.op('extern.convert_any');
      body.op('any.convert_extern');
      return heapOp(body, 'ref.test null', index);
    case 3:
      return castByTest(body, -0x14, 'i32', depth, () => body.op(random.chance(2) ? 'i31.get_s' : 'i31.get_u'));
    case 4:
      return castByTest(body, -0x16, 'i32', depth, () => body.op('array.len'));
    default:
      return read(body, 'i32', depth);
  }
}
