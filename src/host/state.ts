// State that belongs to a VM and that the host keeps: what it is for the host module whose functions work on it, and as
// data. A save includes it, a restore gives it back, a fork copies it, a move carries it.

/**
 * A state as data: plain values beside blocks of bytes. Nobody writes to a block that was saved, or given to `restore`: it
 * may stand in snapshots and other VMs, too. Blocks on shared buffers go to other threads as they are, others are copied.
 */
export interface StateData {
  /** What structured clone can copy; few bytes, for it is copied with every save and move. */
  readonly data?: unknown;
  readonly blocks?: readonly Uint8Array[] | undefined;
}

/** With all that may be left out. */
export interface WholeState {
  readonly data: unknown;
  readonly blocks: readonly Uint8Array[];
}

/** What a block counts for: one that is small is no less an object of the host. */
export const blockCost = (bytes: number): number => Math.max(bytes, 2048);

/** How a host module makes its state, and what it is as data. `most`: bytes that the VM's limit `hostState` allows it. */
export interface StateKind<S> {
  /** Of a VM that has none yet. */
  create(most: number): S;
  /** As data; the state goes on. */
  save(state: S): StateData;
  /** For a move or a fork: as `save`, where that can be had for less. Equal states need not give equal data. */
  send?(state: S): StateData;
  /**
   * Anybody may have written the data: throws SnapshotError for what `save` would not have made. Nothing of it is used by
   * others.
   */
  restore(saved: WholeState, most: number): S;
  /** The VM is gone: what the host has lent is given back. It need not be called: a VM may be forgotten. */
  dispose?(state: S): void;
}

/** Whose state a host function works on. */
export interface StateOwner<S = unknown> {
  /** What snapshots call it; no two of a VM have the same. */
  readonly name: string;
  readonly state: StateKind<S>;
  /** Whether its functions may keep views of a guest's memory once they have returned. */
  readonly keepsViews: boolean;
}

/** What a snapshot holds of one host module. */
export interface NamedState extends WholeState {
  readonly name: string;
}
