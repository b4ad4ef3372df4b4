// Part of the library inside the guest: tools, the console, timers, and how a program begins and ends. The rules are those
// of values.ts.

import { ops } from './ops.ts';

export const programSource = `
const { captureStackTrace } = Error;
const [makePromise, then, now] = [Promise, uncurry(Promise.prototype.then), Date.now];

// Asks the host: an operation, a text, and a message.
const send = (op, name, message) => {
  const list = { __proto__: null, 0: op, 1: name, 2: message.text, length: 3 + message.blobs.length };
  for (let i = 0; i < message.blobs.length; i++) list[3 + i] = message.blobs[i];
  return apply(host, undefined, list);
};

// A reply is a text, or a list of a text and its buffers.
const received = (reply) => {
  const isList = isArray(reply);
  const text = isList ? reply[0] : reply;
  return { __proto__: null, failed: text[0] === '-', value: decode(slice(text, 1), reply, 1) };
};

// Tools. One that is awaited gives a promise; each of the others has its form that does as well.

const waiting = new makeMap();
const given = (reply, from) => {
  const got = received(reply);
  if (!got.failed) return got.value;
  if (isError(got.value)) captureStackTrace(got.value, from);
  throw got.value;
};
const named = (tool, name) => {
  defineProperty(tool, 'name', { __proto__: null, value: name, configurable: true });
  return tool;
};
const toolOf = (name) => {
  const tool = (...args) => given(send(${ops.call}, name, encode(args, false)), tool);
  return named(tool, name);
};
const awaitedTool = (name) => {
  const tool = (...args) =>
    new makePromise((resolve, reject) => {
      const id = send(${ops.begin}, name, encode(args, false));
      mapSet(waiting, id, { __proto__: null, resolve, reject });
    });
  return named(tool, name);
};
const settle = (id, reply) => {
  const call = mapGet(waiting, id);
  mapDelete(waiting, id);
  const got = received(reply);
  if (got.failed) call.reject(got.value);
  else call.resolve(got.value);
};

// Timers: a list in the order in which they are due.

const timers = new makeMap();
const first = { __proto__: null, due: -Infinity, next: null, last: null };
const last = { __proto__: null, due: Infinity, next: null, last: first };
first.next = last;
let timerCount = 0;
const line = (timer) => {
  let after = last.last;
  while (after.due > timer.due) after = after.last;
  timer.last = after;
  timer.next = after.next;
  after.next.last = timer;
  after.next = timer;
};
const unline = (timer) => {
  timer.last.next = timer.next;
  timer.next.last = timer.last;
};
const addTimer = (callback, delay, args, repeats) => {
  if (typeof callback !== 'function') throw new errorKinds.TypeError('the callback of a timer must be a function');
  const ms = +delay > 0 ? +delay : 0;
  const timer = { __proto__: null, id: ++timerCount, callback, args, period: repeats ? ms || 1 : -1, due: now() + ms };
  mapSet(timers, timer.id, timer);
  line(timer);
  return timer.id;
};
const clear = (id) => {
  const timer = mapGet(timers, id);
  if (timer === undefined) return;
  mapDelete(timers, id);
  unline(timer);
};
const due = () => (first.next === last ? -1 : first.next.due);
const fire = () => {
  const timer = first.next;
  if (timer === last || timer.due > now()) return;
  unline(timer);
  if (timer.period < 0) mapDelete(timers, timer.id);
  else {
    timer.due = now() + timer.period;
    line(timer);
  }
  apply(timer.callback, undefined, timer.args);
};

// The console.

const print = (level, args) => {
  send(${ops.print}, level, encode(args, true));
};
const counts = new makeMap();
const began = new makeMap();
const console = { log: 0, info: 0, warn: 0, error: 0, debug: 0 };
for (const level of keys(console)) console[level] = named((...args) => print(level, args), level);
const labelOf = (label) => (label === undefined ? 'default' : toText(label));
const since = (label) => now() - (mapGet(began, labelOf(label)) ?? now());
const more = {
  dir: (value) => print('log', [value]),
  trace: (...args) => print('debug', [...args, new errorKinds.Error('trace')]),
  assert: (condition, ...args) => {
    if (!condition) print('error', ['assertion failed', ...args]);
  },
  count: (label) => {
    mapSet(counts, labelOf(label), (mapGet(counts, labelOf(label)) ?? 0) + 1);
    print('log', [labelOf(label) + ': ' + mapGet(counts, labelOf(label))]);
  },
  time: (label) => {
    mapSet(began, labelOf(label), now());
  },
  timeLog: (label, ...args) => print('log', [labelOf(label) + ': ' + since(label) + ' ms', ...args]),
  timeEnd: (label) => {
    print('log', [labelOf(label) + ': ' + since(label) + ' ms']);
    mapDelete(began, labelOf(label));
  },
};
for (const name of keys(more)) console[name] = more[name];

// How a program begins and ends.

const globals = {
  console,
  setTimeout: (callback, delay, ...args) => addTimer(callback, delay, args, false),
  setInterval: (callback, delay, ...args) => addTimer(callback, delay, args, true),
  clearTimeout: (id) => clear(id),
  clearInterval: (id) => clear(id),
  structuredClone: (value) => {
    const { text, blobs } = encode(value, false);
    for (let i = 0; i < blobs.length; i++) blobs[i] = copied(blobs[i], 0);
    return decode(text, blobs, 0);
  },
};
const copied = uncurry(ArrayBuffer.prototype.slice);
const monotonic = performance.now;
const define = (name, value) => hidden(globalThis, name, value);
const start = (message) => {
  const { tools, values, origin } = received(message).value;
  for (let i = 0; i < tools.length; i++) {
    const { name, awaited } = tools[i];
    const tool = awaited ? awaitedTool(name) : toolOf(name);
    if (!awaited) hidden(tool, 'async', awaitedTool(name));
    define(name, tool);
  }
  const names = keys(values);
  for (let i = 0; i < names.length; i++) define(names[i], values[names[i]]);
  define('performance', { now: monotonic, timeOrigin: origin });
};
const failed = (error) => {
  let message;
  try {
    message = encode(error, true);
  } catch (other) {
    message = encode('what was thrown cannot be told', true);
  }
  send(${ops.end}, 'error', message);
};
const done = (value) => {
  let message;
  try {
    message = encode(value, false);
  } catch (error) {
    return failed(error);
  }
  send(${ops.end}, 'value', message);
};
const watch = (promise) => {
  then(promise, (box) => done(box.value), failed);
};
const watchShown = (promise) => {
  then(promise, (box) => send(${ops.end}, 'value', encode(box.value, true)), failed);
};
const watchModule = (promise) => {
  then(promise, (space) => done(hasOwn(space, 'default') ? space.default : undefined), failed);
};
`;
