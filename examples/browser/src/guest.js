// The worker: it has the VM, and runs a slice of the guest whenever the page asks for one. The page is never blocked, and
// the worker is only until the slice's time is over, so that whatever else the page asks for is done at once.

import * as Comlink from 'comlink';
import { Module, VM } from 'wasbox';

/** @typedef {NonNullable<import('wasbox').VmOptions['engine']>} Engine */
/** @typedef {Awaited<ReturnType<typeof worker.look>>} View */

/** How long a slice may take, in ms: less than what a screen's frame takes. */
const sliceMs = 10;
/** Fuel between two looks at the clock. */
const chunk = 20_000;
/** Frames that are told with their locals; of all others only the place in the maze. */
const toldFrames = 12;

const module = fetch(new URL('maze.wasm', import.meta.url)).then(async (file) => Module.from(await file.arrayBuffer()));
/** @type {VM} */
let vm;
/** @type {number | undefined} */
let result;

const worker = {
  /** Begins a maze. @param {number} seed @param {Engine} engine */
  async begin(seed, engine) {
    vm?.dispose();
    result = undefined;
    vm = new VM({ engine });
    const instance = vm.instantiate(await module);
    vm.start(instance.func('main'), [seed]);
  },

  /** All of the program as bytes; it can go on here, too. */
  save: () => vm.save().encode(),

  /** Goes on with a program that was saved, in whichever engine. @param {Uint8Array} bytes @param {Engine} engine */
  async restore(bytes, engine) {
    const restored = VM.restore(bytes, { engine, modules: [await module] });
    vm?.dispose();
    result = undefined;
    vm = restored;
  },

  /** Goes on in another engine, in the middle of whatever it is doing. @param {Engine} engine */
  async hop(engine) {
    const modules = [await module];
    const before = vm;
    vm = VM.restore(before.save(), { engine, modules });
    before.dispose();
  },

  /** Runs with so much fuel, or less where it takes too long. Returns the fuel used. @param {number} fuel */
  run(fuel) {
    const before = vm.fuelUsed;
    const until = performance.now() + sliceMs;
    for (let left = fuel; left > 0 && result === undefined && performance.now() < until; left -= chunk) {
      const outcome = vm.run({ fuel: Math.min(left, chunk) });
      if (outcome.status === 'trapped') throw outcome.trap;
      if (outcome.status === 'returned') result = Number(outcome.values[0]) >>> 0;
    }
    return vm.fuelUsed - before;
  },

  /** What there is to see: the guest's memory, its stack, and its result once there is one. */
  look() {
    const instance = vm.instance();
    const width = Number(instance.global('width').value);
    const height = Number(instance.global('height').value);
    const { bytes } = instance.memory('memory');
    const frames = vm.frames();
    const view = {
      width,
      height,
      cells: bytes.slice(0, width * height),
      carved: new Int32Array(bytes.slice(16384, 16384 + 4 * width * height).buffer),
      depth: frames.length,
      /** Column and row of each frame that stands in a cell, outermost first. */
      trail: Int16Array.from(frames.filter(standsInCell).reverse().flatMap(placeOf)),
      frames: frames.slice(0, toldFrames).map(({ name, pc, locals }) => ({
        name,
        pc,
        locals: locals.map((local) => ({ name: local.name ?? '', value: String(local.value) })),
      })),
      fuelUsed: vm.fuelUsed,
      result,
    };
    return Comlink.transfer(view, [view.cells.buffer, view.carved.buffer, view.trail.buffer]);
  },
};

/** @typedef {import('wasbox').FrameView} Frame */
const standsInCell = (/** @type {Frame} */ { name }) => name === 'carve' || name === 'solve';
/** The first two locals of such a frame, its parameters, are its place. @param {Frame} frame */
const placeOf = ({ locals }) => locals.slice(0, 2).map(({ value }) => Number(value));

Comlink.expose(worker);

/** @typedef {typeof worker} GuestWorker */
