// `wasbox inspect` of a group of VMs that talk: its members and what they do, its ports and what is in them, and the calls that
// are under way.

import { isOlder } from '../../snapshot/container/older.ts';
import { isOfGroup, readParts } from '../../snapshot/container/parts.ts';
import { cut } from '../../spec/told.ts';
import { GroupSnapshot } from '../../talk/index.ts';
import type { Report } from '../told/print.ts';

/** Of bytes that wasbox has saved. Throws SnapshotError where they are damaged. */
export const isGroup = (bytes: Uint8Array): boolean => !isOlder(bytes) && isOfGroup(readParts(bytes));

/** Throws SnapshotError. */
export function reportGroup(file: string, bytes: Uint8Array): Report {
  const { data } = GroupSnapshot.decode(bytes);
  const members = data.members.map(({ name, module, outcome, vm }) => {
    const { frames = 0, memories = [], fuelUsed = 0 } = vm?.summary() ?? {};
    return { name: cut(name), module, status: outcome?.status ?? doing(name, data.order), frames, memories, fuelUsed };
  });
  const ports = data.ports.map(({ name, messages, bytes: most, closed, queue, host }) => ({
    ...{ name: cut(name), messages: queue.length, mostMessages: messages, closed },
    ...{ bytes: queue.reduce((sum, message) => sum + message.bytes.length, 0), mostBytes: most, host },
  }));
  const calls = data.calls.map(({ caller, callee, name, state }) => ({
    ...{ caller: cut(caller), callee: cut(callee), export: cut(name), state },
  }));
  return {
    json: { kind: 'group', file, bytes: bytes.length, members, ports, calls },
    lines: [
      `${file}: a group of ${members.length} VMs, ${bytes.length} bytes`,
      ...members.map(
        ({ name, status, frames, memories, fuelUsed }) =>
          `  ${name}: ${status}, ${frames} frames, ${memories.reduce((a, b) => a + b, 0)} pages of memory, ${fuelUsed} units of fuel used`,
      ),
      ...(ports.length === 0 ? [] : ['ports']),
      ...ports.map(
        ({ name, messages, mostMessages, bytes: held, mostBytes, closed }) =>
          `  ${name}: ${messages} of ${mostMessages} messages, ${held} of ${mostBytes} bytes${closed ? ', closed' : ''}`,
      ),
      ...(calls.length === 0 ? [] : ['calls']),
      ...calls.map(({ caller, callee, export: name, state }) => `  ${caller} calls ${name} of ${callee}: ${state}`),
    ],
  };
}

function doing(name: string, { ready, waiting }: { ready: readonly string[]; waiting: readonly string[] }): string {
  if (ready.includes(name)) return 'ready';
  return waiting.includes(name) ? 'waiting' : 'idle, or waiting for the host';
}
