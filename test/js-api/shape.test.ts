import test from 'ava';
import wasbox, { createWebAssembly, Memory, RuntimeError } from '../../src/js-api/index.ts';
import { UsageError } from '../../src/spec/errors.ts';

/** Whatever the host's object has, by name: what it is and how it may be used. */
function shape(object: object): Record<string, string> {
  const own = Object.entries(Object.getOwnPropertyDescriptors(object));
  return Object.fromEntries(own.map(([name, property]) => [name, told(property)]));
}

function told({ value, get, set, enumerable, writable, configurable }: PropertyDescriptor): string {
  const callable = value ?? get;
  const name = typeof callable === 'function' ? `${callable.name}/${callable.length}` : typeof callable;
  return `${name} ${enumerable ? 'e' : ''}${writable ? 'w' : ''}${configurable ? 'c' : ''}${set ? ' set' : ''}`;
}

const classes = ['Module', 'Instance', 'Memory', 'Table', 'Global', 'Tag'] as const;
const errors = ['CompileError', 'LinkError', 'RuntimeError'] as const;
const functions = ['validate', 'compile', 'instantiate'] as const;

for (const name of [...classes, ...errors])
  test(`${name} has the members of the host's`, (t) => {
    const legacy = ['arguments', 'caller'];
    const expected = Object.entries(shape(WebAssembly[name])).filter(([member]) => !legacy.includes(member));
    t.like(shape(wasbox[name]), Object.fromEntries(expected));
    const members = Object.entries(shape(WebAssembly[name].prototype)).filter(([member]) => member !== 'type');
    t.deepEqual(shape(wasbox[name].prototype), Object.fromEntries(members));
    // A newer host gives its Module a parent for the sake of `import source`, which is the loader's.
    if (Object.getPrototypeOf(WebAssembly[name]).name !== 'AbstractModuleSource')
      t.is(Object.getPrototypeOf(wasbox[name]), Object.getPrototypeOf(WebAssembly[name]));
  });

test('the namespace has the properties of the host’s', (t) => {
  const given = shape(wasbox);
  for (const name of [...classes, ...errors, ...functions])
    t.is(given[name], told(Object.getOwnPropertyDescriptor(WebAssembly, name) as PropertyDescriptor), name);
  t.is(String(wasbox), '[object WebAssembly]');
  t.false('Function' in wasbox);
});

test('promise integration has the properties of the host’s, where that has any', (t) => {
  const own = Object.getOwnPropertyDescriptors(wasbox);
  const theirs = Object.getOwnPropertyDescriptors(WebAssembly) as Partial<typeof own>;
  for (const name of ['Suspending', 'promising', 'SuspendError', 'JSTag'] as const) {
    t.true(own[name] !== undefined);
    const { [name]: expected } = theirs;
    if (expected !== undefined) t.is(told(own[name]), told(expected), name);
  }
});

test('errors are made as native ones are', (t) => {
  const { RuntimeError } = wasbox;
  const called = RuntimeError('told');
  t.true(called instanceof RuntimeError);
  t.true(called instanceof Error);
  t.is(String(called), 'RuntimeError: told');
  t.false(Object.hasOwn(new RuntimeError(), 'message'));
  class Derived extends RuntimeError {}
  t.is(Object.getPrototypeOf(new Derived()), Derived.prototype);
});

test('objects cannot be made without their constructors', (t) => {
  for (const name of classes) {
    const made = wasbox[name] as unknown as () => unknown;
    t.throws(() => made(), { instanceOf: TypeError }, name);
  }
  const forged = Object.create(wasbox.Memory.prototype) as WebAssembly.Memory;
  t.true(forged instanceof wasbox.Memory);
  t.throws(() => forged.buffer, { instanceOf: TypeError });
});

test('the named exports are those of the default one', (t) => {
  t.is(Memory, wasbox.Memory);
  t.is(RuntimeError, wasbox.RuntimeError);
});

test('each namespace has objects of its own', (t) => {
  const other = createWebAssembly({ limits: { memory: 65536 } });
  const memory = new other.Memory({ initial: 1 });
  t.false(memory instanceof wasbox.Memory);
  t.throws(() => new other.Memory({ initial: 1 }), { instanceOf: RangeError });
  t.notThrows(() => new wasbox.Memory({ initial: 1 }));
  t.is(other.RuntimeError, wasbox.RuntimeError);
});

test('unknown options are refused', (t) => {
  t.throws(() => createWebAssembly({ limit: {} } as object), { instanceOf: UsageError, message: /"limit"/ });
  t.throws(() => createWebAssembly({ limits: { memories: 1 } as object }), { instanceOf: UsageError });
  t.throws(() => createWebAssembly({ engine: 'steam' as 'auto' }), { instanceOf: UsageError, message: /steam/ });
});
