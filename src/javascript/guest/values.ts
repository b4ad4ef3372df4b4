// Part of the library inside the guest: values as text and back, as values/format.ts tells. It is JavaScript for QuickJS
// and stands here as text, so that each build carries the same bytes of it. A program may change every prototype and
// every global: so the library uses what it took from them before any program ran, gives its own records no prototype,
// and reads and writes own properties only.

export const valuesSource = `
const { apply, getPrototypeOf, defineProperty } = Reflect;
const { keys, hasOwn, prototype: objectPrototype } = Object;
const { stringify, parse } = JSON;
const { isArray } = Array;
const { isView } = ArrayBuffer;
const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const getter = (object, name) => uncurry(Object.getOwnPropertyDescriptor(object, name).get);
const holds = (test, value) => {
  try {
    test(value);
    return true;
  } catch {
    return false;
  }
};

const typedArray = getPrototypeOf(Uint8Array);
const [slice, toText, tagOf] = [uncurry(''.slice), String, uncurry(objectPrototype.toString)];
const [mapGet, mapSet, mapDelete] = [uncurry(Map.prototype.get), uncurry(Map.prototype.set), uncurry(Map.prototype.delete)];
const [mapEach, mapSize] = [uncurry(Map.prototype.forEach), getter(Map.prototype, 'size')];
const [setEach, setAdd, setSize] = [uncurry(Set.prototype.forEach), uncurry(Set.prototype.add), getter(Set.prototype, 'size')];
const [timeOf, bigintText] = [uncurry(Date.prototype.getTime), uncurry(BigInt.prototype.toString)];
const [sourceOf, flagsOf] = [getter(RegExp.prototype, 'source'), getter(RegExp.prototype, 'flags')];
const bufferLength = getter(ArrayBuffer.prototype, 'byteLength');
const [isNativeError, domMessage] = [Error.isError, getter(DOMException.prototype, 'message')];
const isError = (value) => isNativeError(value) || (value instanceof DataError && holds(domMessage, value));
const [makeMap, makeSet, makeDate, makeRegExp, DataError] = [Map, Set, Date, RegExp, DOMException];
const [makeBigInt, toObject] = [BigInt, Object];
const errorKinds = { __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
const viewKinds = { __proto__: null, DataView, Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array,
  Int32Array, Uint32Array, Float16Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array };
const viewParts = (prototype) => [getter(prototype, 'buffer'), getter(prototype, 'byteOffset')];
const [arrayBuffer, arrayOffset] = viewParts(typedArray.prototype);
const [arrayLength, arrayName] = [getter(typedArray.prototype, 'length'), getter(typedArray.prototype, Symbol.toStringTag)];
const [dataBuffer, dataOffset] = viewParts(DataView.prototype);
const dataLength = getter(DataView.prototype, 'byteLength');
const boxed = { __proto__: null, '[object Number]': uncurry(Number.prototype.valueOf), '[object String]': uncurry(''.valueOf),
  '[object Boolean]': uncurry(Boolean.prototype.valueOf), '[object BigInt]': uncurry(BigInt.prototype.valueOf) };
const uncopied = { __proto__: null };
for (const name of ['Promise', 'WeakMap', 'WeakSet', 'WeakRef', 'FinalizationRegistry', 'Generator', 'AsyncGenerator',
  'SharedArrayBuffer', 'Symbol', 'Module']) uncopied['[object ' + name + ']'] = name;
const mostDepth = 400;
const hidden = (object, name, value) =>
  defineProperty(object, name, { __proto__: null, value, writable: true, configurable: true, enumerable: false });
// Functions that name each other are let go of as soon as one that all of them lead to is forgotten; they would stay until
// garbage is collected, and be told in each token meanwhile.

// A value as { text, blobs }. What cannot be copied is an error that names the path to it; or, where it is only to be
// shown, a text.
const encode = (root, shown) => {
  const seen = new makeMap();
  const blobs = { __proto__: null, length: 0 };
  const path = { __proto__: null };
  let count = 0;
  const refuse = (what, depth) => {
    if (shown) return stringify('[' + what + ']');
    let at = '';
    for (let i = 0; i < depth; i++) at += typeof path[i] === 'number' ? '[' + path[i] + ']' : '.' + path[i];
    throw new DataError('a ' + what + ' cannot be copied' + (at === '' ? '' : ': it is at ' + at), 'DataCloneError');
  };
  let write = (value, depth) => {
    switch (typeof value) {
      case 'string':
        return stringify(value);
      case 'number':
        return value - value === 0 && (value !== 0 || 1 / value > 0)
          ? '' + value
          : '{"$":[3,"' + (value === 0 ? '-0' : value) + '"]}';
      case 'boolean':
        return value ? 'true' : 'false';
      case 'undefined':
        return '{"$":[2]}';
      case 'bigint':
        return '{"$":[4,"' + bigintText(value, 16) + '"]}';
      case 'object':
        return value === null ? 'null' : object(value, depth);
      default:
        return refuse(typeof value, depth);
    }
  };
  const object = (value, depth) => {
    const known = mapGet(seen, value);
    if (known !== undefined) return '{"$":[12,' + known + ']}';
    if (depth > mostDepth) return refuse('value within ' + mostDepth + ' others', depth);
    const tag = isArray(value) ? '' : tagOf(value);
    if (tag in uncopied) return refuse(uncopied[tag], depth);
    mapSet(seen, value, count++);
    if (isArray(value)) return array(value, depth + 1);
    const prototype = getPrototypeOf(value);
    return (prototype === objectPrototype || prototype === null ? undefined : special(value, tag, depth + 1)) ?? plain(value, depth + 1);
  };
  const array = (value, depth) => {
    const names = keys(value);
    const { length } = value;
    if (names.length !== length || (length > 0 && names[length - 1] !== '' + (length - 1)))
      return '{"$":[14,' + length + pairs(value, names, depth) + ']}';
    let out = '[';
    for (let i = 0; i < length; i++) {
      path[depth - 1] = i;
      out += (i === 0 ? '' : ',') + write(value[i], depth);
    }
    return out + ']';
  };
  const plain = (value, depth) => {
    const names = keys(value);
    if (hasOwn(value, '$')) return '{"$":[15' + pairs(value, names, depth) + ']}';
    let out = '{';
    for (let i = 0; i < names.length; i++) {
      const name = (path[depth - 1] = names[i]);
      out += (i === 0 ? '' : ',') + stringify(name) + ':' + write(value[name], depth);
    }
    return out + '}';
  };
  const pairs = (value, names, depth) => {
    let out = '';
    for (let i = 0; i < names.length; i++) {
      path[depth - 1] = names[i];
      out += ',' + stringify(names[i]) + ',' + write(value[names[i]], depth);
    }
    return out;
  };
  const special = (value, tag, depth) => {
    if (isView(value)) return view(value, depth);
    if (isError(value)) return error(value, depth);
    if (tag === '[object Map]' && holds(mapSize, value)) return map(value, depth);
    if (tag === '[object Set]' && holds(setSize, value)) return set(value, depth);
    if (tag === '[object Date]' && holds(timeOf, value)) {
      const time = timeOf(value);
      return '{"$":[5,' + (time === time ? time : 'null') + ']}';
    }
    if (tag === '[object RegExp]' && holds(sourceOf, value))
      return '{"$":[11,' + stringify(sourceOf(value)) + ',' + stringify(toText(flagsOf(value))) + ']}';
    if (tag === '[object ArrayBuffer]' && holds(bufferLength, value)) {
      blobs[blobs.length] = value;
      return '{"$":[9,' + blobs.length++ + ']}';
    }
    if (tag in boxed && holds(boxed[tag], value)) return '{"$":[13,' + write(boxed[tag](value), depth) + ']}';
    return undefined;
  };
  const map = (value, depth) => {
    let out = '{"$":[6';
    mapEach(value, (item, key) => {
      path[depth - 1] = '(key)';
      out += ',' + write(key, depth);
      path[depth - 1] = '(value)';
      out += ',' + write(item, depth);
    });
    return out + ']}';
  };
  const set = (value, depth) => {
    let out = '{"$":[7';
    path[depth - 1] = '(member)';
    setEach(value, (item) => {
      out += ',' + write(item, depth);
    });
    return out + ']}';
  };
  const error = (value, depth) => {
    path[depth - 1] = 'cause';
    const cause = hasOwn(value, 'cause') ? ',[' + write(value.cause, depth) + ']' : ',0';
    path[depth - 1] = 'errors';
    const errors = hasOwn(value, 'errors') ? ',[' + write(value.errors, depth) + ']' : ',0';
    const text = (part) => stringify(toText(part ?? ''));
    return '{"$":[8,' + text(value.name) + ',' + text(value.message) + ',' + text(value.stack) + cause + errors + ']}';
  };
  const view = (value, depth) => {
    const name = arrayName(value);
    const isData = name === undefined;
    path[depth - 1] = 'buffer';
    return (
      '{"$":[10,"' + (name ?? 'DataView') + '",' + write((isData ? dataBuffer : arrayBuffer)(value), depth) +
      ',' + (isData ? dataOffset : arrayOffset)(value) + ',' + (isData ? dataLength : arrayLength)(value) + ']}'
    );
  };
  try {
    return { __proto__: null, text: write(root, 0), blobs };
  } finally {
    write = undefined;
  }
};

// A value of a text; blobs[first] is the first of its buffers.
const decode = (text, blobs, first) => {
  const known = { __proto__: null };
  let count = 0;
  let read = (node) => {
    if (typeof node !== 'object' || node === null) return node;
    if (isArray(node)) {
      known[count++] = node;
      for (let i = 0; i < node.length; i++) node[i] = read(node[i]);
      return node;
    }
    if (hasOwn(node, '$')) return marked(node.$);
    known[count++] = node;
    const names = keys(node);
    for (let i = 0; i < names.length; i++) {
      const part = node[names[i]];
      if (typeof part === 'object') node[names[i]] = read(part);
    }
    return node;
  };
  const put = (object, parts, from) => {
    for (let i = from; i < parts.length; i += 2)
      defineProperty(object, parts[i], { __proto__: null, value: read(parts[i + 1]), writable: true, configurable: true, enumerable: true });
    return object;
  };
  const note = (value) => (known[count++] = value);
  const marked = (parts) => {
    switch (parts[0]) {
      case 2:
        return undefined;
      case 3:
        return +parts[1];
      case 4:
        return parts[1][0] === '-' ? -makeBigInt('0x' + slice(parts[1], 1)) : makeBigInt('0x' + parts[1]);
      case 5:
        return note(new makeDate(parts[1] ?? NaN));
      case 6: {
        const value = note(new makeMap());
        for (let i = 1; i < parts.length; i += 2) mapSet(value, read(parts[i]), read(parts[i + 1]));
        return value;
      }
      case 7: {
        const value = note(new makeSet());
        for (let i = 1; i < parts.length; i++) setAdd(value, read(parts[i]));
        return value;
      }
      case 8:
        return error(parts);
      case 9:
        return note(blobs[first + parts[1]]);
      case 10: {
        const at = count++;
        return (known[at] = new viewKinds[parts[1]](read(parts[2]), parts[3], parts[4]));
      }
      case 11:
        return note(new makeRegExp(parts[1], parts[2]));
      case 12:
        return known[parts[1]];
      case 13: {
        const at = count++;
        return (known[at] = toObject(read(parts[1])));
      }
      case 14: {
        const value = note([]);
        value.length = parts[1];
        return put(value, parts, 2);
      }
      case 15:
        return put(note({}), parts, 1);
    }
  };
  const error = (parts) => {
    const name = parts[1];
    const value = note(new (errorKinds[name] ?? errorKinds.Error)(parts[2]));
    if (!(name in errorKinds)) hidden(value, 'name', name);
    if (parts[3] !== '') hidden(value, 'stack', parts[3]);
    if (parts[4] !== 0) hidden(value, 'cause', read(parts[4][0]));
    if (parts[5] !== 0) hidden(value, 'errors', read(parts[5][0]));
    return value;
  };
  try {
    return read(parse(text));
  } finally {
    read = undefined;
  }
};
`;
