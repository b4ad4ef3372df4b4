// The states of a VM's host modules. Each is made when it is first asked for, or given back by a restore.

import { weightOf } from '../runtime/memory/weight.ts';
import { LimitError, LinkError, SnapshotError } from '../spec/errors.ts';
import { isA, messageOf, quoted } from '../spec/told.ts';
import { blockCost, type NamedState, type StateData, type StateOwner, type WholeState } from './state.ts';

export class HostStates {
  private readonly held = new Map<StateOwner, unknown>();
  /** To the garbage collector, of the blocks that were restored. */
  private weight: ArrayBuffer | undefined;

  /** `most`: what the VM's limit allows them together, in bytes. */
  constructor(private readonly most: number) {}

  of<S>(owner: StateOwner<S>): S {
    const held = this.held.get(owner);
    if (held !== undefined || this.held.has(owner)) return held as S;
    const made = owner.state.create(this.most);
    this.held.set(owner, made);
    return made;
  }

  /** Throws LimitError for blocks of too many bytes. */
  private weigh(states: readonly NamedState[]): void {
    const bytes = bytesOf(states);
    if (bytes > this.most) throw overLimit(bytes, this.most);
    this.weight = weightOf(bytes, this.weight);
  }

  /** Forgets those of owners that the VM does not have any more. */
  keep(owners: ReadonlySet<StateOwner>): void {
    for (const owner of this.held.keys()) if (!owners.has(owner)) this.held.delete(owner);
  }

  /**
   * All of them as data, in the order of their names; `how`: for a snapshot, or for a move or a fork. Throws
   * SnapshotError where one cannot be copied, LimitError where they are too large.
   */
  save(owners: ReadonlySet<StateOwner>, how: 'save' | 'send'): NamedState[] {
    const named = [...owners].map((owner) => {
      const { state, name } = owner;
      return copyOf(name, (state[how] ?? state.save).call(state, this.of(owner)));
    });
    this.weigh(named);
    return named.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The VM is gone. */
  dispose(): void {
    for (const [owner, state] of this.held) owner.state.dispose?.(state);
    this.held.clear();
    this.weight = undefined;
  }

  /**
   * Gives them back, each to its owner. Throws LinkError where the owner of one is not among those given, and what
   * owners throw; LimitError.
   */
  restore(saved: readonly NamedState[], owners: ReadonlySet<StateOwner>): void {
    this.weigh(saved);
    const byName = new Map([...owners].map((owner) => [owner.name, owner]));
    for (const { name, data, blocks } of saved) {
      const owner = byName.get(name);
      if (owner === undefined)
        throw new LinkError(
          `the snapshot has state of the host module ${quoted(name)}, none of whose functions is among the imports`,
        );
      this.held.set(owner, restored(owner, { data, blocks }, this.most));
    }
  }
}

/** Of the blocks of states, as the limit counts them; those that stand in several places count in each. */
export const bytesOf = (states: readonly { readonly blocks: readonly Uint8Array[] }[]): number =>
  states.reduce((sum, { blocks }) => blocks.reduce((part, { length }) => part + blockCost(length), sum), 0);

export const overLimit = (bytes: number, most: number): LimitError =>
  new LimitError(`host modules keep ${bytes} bytes, over the limit hostState of ${most}`, {
    limit: 'hostState',
    value: most,
  });

function restored(owner: StateOwner, saved: WholeState, most: number): unknown {
  try {
    return owner.state.restore(saved, most);
  } catch (cause) {
    if (isA(cause, SnapshotError)) throw cause;
    throw new SnapshotError(`cannot be restored: ${messageOf(cause)}`, whereOf(owner.name), { cause });
  }
}

function copyOf(name: string, { data, blocks = [] }: StateData): NamedState {
  try {
    return { name, data: structuredClone(data), blocks: [...blocks] };
  } catch (cause) {
    throw new SnapshotError('cannot be copied', whereOf(name), { cause });
  }
}

const whereOf = (name: string): string => `state of ${name}`;
