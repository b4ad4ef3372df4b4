// The engines that are compared, each as a namespace shaped like `WebAssembly`.

import { createWebAssembly, type WebAssemblyNamespace } from 'wasbox/webassembly';
import { asyncifyNamespace } from './asyncify.ts';
import type { Task } from './task.ts';

export interface Column {
  readonly name: string;
  /** Undefined where the engine is not tried on the task. */
  namespace(task: Task): Promise<WebAssemblyNamespace> | undefined;
}

export const host: Column = { name: 'host', namespace: async () => WebAssembly as unknown as WebAssemblyNamespace };

export const columns: readonly Column[] = [
  { name: 'native', namespace: async () => createWebAssembly({ engine: 'native' }) },
  { name: 'Asyncify', namespace: (task) => (task.large ? undefined : asyncifyNamespace('calls', task.modules)) },
  {
    name: 'preemptible Asyncify',
    namespace: (task) => (task.large ? undefined : asyncifyNamespace('preemptible', task.modules)),
  },
  { name: 'interpreter', namespace: async () => createWebAssembly({ engine: 'interpreter' }) },
];
