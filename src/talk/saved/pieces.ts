// A group whose parts were saved each by itself, as one: what `Group.save` would have made of it.

import { Snapshot } from '../../snapshot/snapshot.ts';
import { stateName } from '../members/guest.ts';
import type { SavedHandles } from '../members/handles.ts';
import type { GroupData, SavedCall, SavedEnd, SavedMember, SavedPort } from './format.ts';

/** A part as it was saved. */
export interface Piece {
  readonly data: GroupData;
  /** Names of the ports that are another part's: this one only sends there. */
  readonly outlets: ReadonlySet<string>;
}

/** `members`: names of all, in order. What is in rings must be in the queues. */
export function joined(pieces: readonly Piece[], members: readonly string[]): GroupData {
  const [first] = pieces as [Piece];
  if (pieces.length === 1) return first.data;
  const ports: Placed[] = pieces.flatMap((piece) => piece.data.ports.map((port) => ({ piece, port })));
  const kept = new Map<string, Placed>();
  // An outlet stands for a port only where that is gone.
  for (const each of ports) if (!isOutlet(each)) kept.set(each.port.name, each);
  for (const each of ports) if (!kept.has(each.port.name)) kept.set(each.port.name, each);
  const numbers = new Map([...kept.keys()].map((name, i) => [name, i]));
  const all = pieces.map((piece) => renumbered(piece, (port) => numbers.get(nameOf(piece, port)) as number));
  const rank = new Map(members.map((name, i) => [name, i]));
  const rankOf = ({ name }: SavedMember): number => rank.get(name) ?? members.length;
  return {
    ports: [...kept.values()].map(({ piece, port }) => all[pieces.indexOf(piece)]?.port(port) as SavedPort),
    topics: mergedTopics(all.flatMap(({ topics }) => topics)),
    members: all.flatMap((each) => each.members).sort((a, b) => rankOf(a) - rankOf(b)),
    calls: mergedCalls(pieces.flatMap(({ data }) => data.calls)).sort((a, b) => a.id - b.id),
    nextCall: Math.max(...pieces.map(({ data }) => data.nextCall)),
    order: {
      ready: pieces.flatMap(({ data }) => data.order.ready),
      waiting: pieces.flatMap(({ data }) => data.order.waiting),
    },
  };
}

/** Each part knows a topic's ports; those that have gone by now some of them. */
function mergedTopics(topics: GroupData['topics']): GroupData['topics'] {
  const ports = new Map<string, Set<number>>();
  for (const { name, ports: listening } of topics) ports.set(name, new Set([...(ports.get(name) ?? []), ...listening]));
  return [...ports].map(([name, listening]) => ({ name, ports: [...listening] }));
}

const states: readonly SavedCall['state'][] = ['queued', 'serving', 'answered'];

/** Of a call between two parts, one says what it is, and either how far it is. */
function mergedCalls(calls: readonly SavedCall[]): SavedCall[] {
  const known = new Map<string, SavedCall>();
  for (const call of calls) {
    const key = `${call.id} ${call.caller}`;
    const other = known.get(key);
    const [less, more] =
      other !== undefined && states.indexOf(other.state) > states.indexOf(call.state) ? [call, other] : [other, call];
    known.set(key, { ...(less ?? more), state: more.state, answer: more.answer });
  }
  // Who has called knows nothing of it any more.
  return [...known.values()].filter(({ callee }) => callee !== '');
}

interface Placed {
  readonly piece: Piece;
  readonly port: SavedPort;
}
const isOutlet = ({ piece, port }: Placed): boolean => piece.outlets.has(port.name);

const nameOf = ({ data }: Piece, port: number): string => (data.ports[port] as SavedPort).name;

/** A piece whose ports have other numbers. */
function renumbered({ data }: Piece, numberOf: (port: number) => number) {
  const end = ([port, side]: SavedEnd): SavedEnd => [numberOf(port), side];
  return {
    port: (port: SavedPort): SavedPort => ({
      ...port,
      queue: port.queue.map(({ bytes, ends }) => ({ bytes, ends: ends.map(end) })),
    }),
    topics: data.topics.map(({ name, ports }) => ({ name, ports: ports.map(numberOf) })),
    members: data.members.map((member) => ({ ...member, vm: member.vm && withHandles(member.vm, end) })),
  };
}

function withHandles(vm: Snapshot, end: (end: SavedEnd) => SavedEnd): Snapshot {
  const states = vm.data.states?.map((state) => {
    if (state.name !== stateName) return state;
    const saved = state.data as SavedHandles;
    return { ...state, data: { ...saved, ends: saved.ends.map((each) => each && end(each)) } };
  });
  return states === undefined ? vm : new Snapshot({ ...vm.data, states }, vm.extras);
}
