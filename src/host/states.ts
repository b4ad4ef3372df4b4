// The states of a VM's host modules. Each is made when it is first asked for, or given back by a restore.

import { LinkError, SnapshotError } from '../spec/errors.ts';
import { isA, messageOf, quoted } from '../spec/told.ts';
import type { NamedState, StateData, StateOwner, WholeState } from './state.ts';

export class HostStates {
  private readonly held = new Map<StateOwner, unknown>();

  /** `most`: what the VM's limit allows them together, in bytes. */
  constructor(private readonly most: number) {}

  of<S>(owner: StateOwner<S>): S {
    if (!this.held.has(owner)) this.held.set(owner, owner.state.create(this.most));
    return this.held.get(owner) as S;
  }

  /** Forgets those of owners that the VM does not have any more. */
  keep(owners: ReadonlySet<StateOwner>): void {
    for (const owner of this.held.keys()) if (!owners.has(owner)) this.held.delete(owner);
  }

  /**
   * All of them as data, in the order of their names; `how`: for a snapshot, or for a move or a fork. Throws
   * SnapshotError where one cannot be copied.
   */
  save(owners: ReadonlySet<StateOwner>, how: 'save' | 'send'): NamedState[] {
    const named = [...owners].map((owner) => {
      const { state, name } = owner;
      return copyOf(name, (state[how] ?? state.save).call(state, this.of(owner)));
    });
    return named.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The VM is gone. */
  dispose(): void {
    for (const [owner, state] of this.held) owner.state.dispose?.(state);
    this.held.clear();
  }

  /**
   * Gives them back, each to its owner. Throws LinkError where the owner of one is not among those given, and what
   * owners throw.
   */
  restore(saved: readonly NamedState[], owners: ReadonlySet<StateOwner>): void {
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
