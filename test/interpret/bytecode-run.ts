// Runs the loop once, for bytecode.ts to look at. The module is `(module (func (export "f")))`.

import { Module, VM } from '../../src/index.ts';

const bytes = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 4, 1, 2, 0, 11];
const instance = new VM().instantiate(Module.from(Uint8Array.from(bytes)));
instance.vm.invoke(instance.func('f'), []);
