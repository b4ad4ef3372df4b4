// What a guest imports from `wasbox` to talk: each call works on the member's handles and memory, and comes to a size, a
// handle, or a code. A call that has to wait suspends the VM, and is made again.

import { type HostContext, type HostFunction, retryHostFunction } from '../../host/define.ts';
import { HostModule } from '../../host/module.ts';
import { NotYet } from '../../host/not-yet.ts';
import type { WholeState } from '../../host/state.ts';
import { UsageError } from '../../spec/errors.ts';
import { End } from '../ports/port.ts';
import { codes, Refused, refuse } from './codes.ts';
import type { Handles, Home } from './handles.ts';
import { type Act, handleBytes, type Result, Scene } from './scene.ts';

/** By this name guests import the calls. */
export const importName = 'wasbox';
/** What snapshots call the state. */
export const stateName = 'talk';

/** Ends that go along with one message. */
export const mostEnds = 16;
/** Handles that one `poll` looks at. */
const mostPolled = 1024;
/** When who publishes tries again where others are at it all the time, in ms. */
const againMs = 1;
/** Of a handle that is polled: it takes as long as to copy so many bytes. */
const pollBytes = 256;

// Sending and receiving

function send(scene: Scene, handle: number, at: number, length: number, list = 0, count = 0): Result {
  const { port } = scene.handles.at(handle, 'send');
  if (port.isOver('send')) return codes.closed;
  if (!port.takes(length) || count > mostEnds) return codes.tooLarge;
  const bytes = scene.bytes(at, length);
  const along = count === 0 ? [] : scene.list(list, count);
  // Each is there, and there once.
  for (const other of along) scene.handles.at(other);
  if (new Set(along).size < count) refuse('badPort');
  if (count > 0 && !port.isHere) {
    port.join();
    return scene.wait({ port, side: 'send' });
  }
  if (!port.take(length)) return port.isOver('send') ? codes.closed : scene.wait({ port, side: 'send' });
  port.push({ bytes: port.isHere ? bytes.slice() : bytes, ends: along.map((other) => scene.handles.take(other)) });
  return codes.done;
}

/** Of a message that is larger than there is room for, the size: it stays where it is. */
function receive(scene: Scene, handle: number, at: number, capacity: number, list = 0, most = 0, count = -1): Result {
  const { port } = scene.handles.at(handle, 'receive');
  const message = port.next;
  if (message === undefined) return port.isOver('receive') ? codes.closed : scene.wait({ port, side: 'receive' });
  const { bytes, ends } = message;
  if (bytes.length > capacity) return bytes.length;
  const into = scene.bytes(at, bytes.length);
  if (count >= 0) {
    if (ends.length > most) refuse('tooLarge');
    if (ends.length > scene.handles.room) refuse('limit');
    scene.bytes(list, ends.length * handleBytes);
    scene.bytes(count, handleBytes);
  }
  port.shift();
  into.set(bytes);
  if (count < 0) for (const end of ends) end.release();
  else {
    scene.putList(
      list,
      ends.map((end) => scene.handles.add(end)),
    );
    scene.putList(count, [ends.length]);
  }
  return bytes.length;
}

/** The place in the list of the first that it is worth to ask. `timeout`: nanoseconds; less than 0 for no end. */
function poll(scene: Scene, list: number, count: number, timeout: bigint): Result {
  if (count === 0 || count > mostPolled) refuse('invalid');
  const { handles } = scene;
  const wants = scene.list(list, count).map((handle) => handles.at(handle));
  scene.spend(pollBytes * count);
  const ready = wants.findIndex(({ port, side }) => port.isReady(side));
  if (ready >= 0) return ready;
  const until = scene.again ? handles.until : timeout < 0n ? undefined : Date.now() + Number(timeout) / 1e6;
  if (until !== undefined && until <= Date.now()) return codes.again;
  return { wants, until };
}

/** What would have to wait comes to `again`. */
const atOnce =
  (act: Act): Act =>
  (scene, ...args) => {
    const result = act(scene, ...args);
    return typeof result === 'number' ? result : codes.again;
  };

// Handles

function close(scene: Scene, handle: number): Result {
  scene.handles.take(handle).release();
  return codes.done;
}

/** For everybody, with a reason. */
function shut(scene: Scene, handle: number, at: number, length: number): Result {
  const { port } = scene.handles.at(handle);
  const reason = scene.text(at, length);
  scene.handles.take(handle).release();
  port.close(reason);
  return codes.done;
}

function clone(scene: Scene, handle: number): Result {
  const end = scene.handles.at(handle);
  if (scene.handles.room === 0) refuse('limit');
  return scene.handles.add(end.clone());
}

/** Writes two handles: where one receives, and where one sends. */
function make(scene: Scene, messages: number, bytes: number, at: number): Result {
  if (messages === 0) refuse('invalid');
  scene.bytes(at, 2 * handleBytes);
  if (scene.handles.room < 2) refuse('limit');
  const port = scene.home.makePort({ messages, bytes });
  if (port === undefined) return refuse('limit');
  const ends = [new End(port, 'receive'), new End(port, 'send')];
  scene.putList(
    at,
    ends.map((end) => scene.handles.add(end)),
  );
  return codes.done;
}

function named(scene: Scene, at: number, length: number): Result {
  return scene.handles.names.get(scene.text(at, length)) ?? refuse('badPort');
}

// Topics

/** A handle by which all is received that is published from now on. */
function subscribe(scene: Scene, name: number, length: number, messages: number, bytes: number): Result {
  if (messages === 0) refuse('invalid');
  const title = scene.text(name, length);
  if (scene.handles.room === 0) refuse('limit');
  if (!scene.home.maySubscribe()) return scene.wait();
  const topic = scene.home.topic(title);
  const port = topic && scene.home.makePort({ messages, bytes });
  if (topic === undefined || port === undefined) return refuse('limit');
  topic.add(new End(port, 'send'));
  return scene.handles.add(new End(port, 'receive'));
}

/** To how many it went: to all, or nobody has it yet. */
function publish(scene: Scene, name: number, length: number, at: number, size: number): Result {
  const title = scene.text(name, length);
  const { home, handles } = scene;
  if (!home.reaches(title, handles.member)) return scene.wait();
  const topic = home.topic(title);
  if (topic === undefined) return refuse('limit');
  const bytes = scene.bytes(at, size);
  const published = home.alone((): Result => {
    const ports = topic.listeners();
    if (ports.some((port) => !port.takes(size))) refuse('tooLarge');
    scene.spend(ports.length * (size + pollBytes));
    const full = ports.filter((port) => !port.hasRoom(size));
    const came = full.length > 0 ? full : home.publish(ports, bytes);
    if (typeof came === 'number') topic.note(handles.member);
    return typeof came === 'number' ? came : scene.wait(...came.map((port) => ({ port, side: 'send' as const })));
  });
  return published ?? { wants: [], until: Date.now() + againMs };
}

/** By name: types of the parameters, and what it does. Numbers have no sign; all calls come to an `i32`. */
const calls: Readonly<Record<string, readonly [params: string, act: Act]>> = {
  send: ['i32 i32 i32', send as Act],
  try_send: ['i32 i32 i32', atOnce(send as Act)],
  receive: ['i32 i32 i32', receive as Act],
  try_receive: ['i32 i32 i32', atOnce(receive as Act)],
  send_ports: ['i32 i32 i32 i32 i32', send as Act],
  receive_ports: ['i32 i32 i32 i32 i32 i32', receive as Act],
  poll: ['i32 i32 i64', poll as Act],
  close: ['i32', close as Act],
  shut: ['i32 i32 i32', shut as Act],
  clone: ['i32', clone as Act],
  make: ['i32 i32 i32', make as Act],
  named: ['i32 i32', named as Act],
  subscribe: ['i32 i32 i32 i32', subscribe as Act],
  publish: ['i32 i32 i32 i32', publish as Act],
};

/** Whose members are made now: a VM makes its state, or gives it back, in the midst of that. */
let home: Home | undefined;

/** VMs that are made or restored meanwhile are at home there. */
export function within<T>(there: Home, act: () => T): T {
  const before = home;
  home = there;
  try {
    return act();
  } finally {
    home = before;
  }
}

function atHome(): Home {
  if (home === undefined) throw new UsageError('only members of a Group talk, and this VM is in none');
  return home;
}

/** The calls, and the handles as what a VM has of them. */
export const guests = new HostModule<Handles>({
  name: stateName,
  state: {
    create: () => atHome().newHandles(),
    save: (handles) => ({ data: handles.save() }),
    restore: ({ data }: WholeState) => atHome().restoreHandles(data),
  },
  functions: Object.fromEntries(Object.entries(calls).map(([name, [params, act]]) => [name, functionOf(params, act)])),
  keepsViews: false,
});

function functionOf(params: string, act: Act): HostFunction {
  const types = params.split(' ') as ('i32' | 'i64')[];
  return retryHostFunction(types, ['i32'], (...given: unknown[]) => {
    const context = given.pop() as HostContext<Handles>;
    const args = given.map((arg) => (typeof arg === 'number' ? arg >>> 0 : arg));
    return perform(act, new Scene(context), args);
  });
}

/** The group is told by the handles what is waited for: nobody else asks. */
const waiting = new NotYet({});

function perform(act: Act, scene: Scene, args: readonly unknown[]): number | NotYet {
  const { handles } = scene;
  const done = tried(act, scene, args);
  if (typeof done !== 'number') {
    handles.wants = done.wants;
    handles.until = done.until;
    return waiting;
  }
  scene.pay();
  handles.wants = [];
  handles.until = undefined;
  return done;
}

/** To be suspended takes longer than most of what others do until this one could go on: so they do it first. */
function tried(act: Act, scene: Scene, args: readonly unknown[]): Result {
  const result = attempted(act, scene, args);
  if (typeof result === 'number' || scene.again) return result;
  const isThere = () => result.wants.some(({ port, side }) => port.isReady(side));
  return scene.home.calls.meanwhile(isThere) ? attempted(act, scene, args) : result;
}

function attempted(act: Act, scene: Scene, args: readonly unknown[]): Result {
  scene.begin();
  try {
    return act(scene, ...(args as never[]));
  } catch (error) {
    if (error instanceof Refused) return error.result;
    throw error;
  }
}
