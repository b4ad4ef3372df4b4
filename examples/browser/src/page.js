// The page: asks the worker for a slice of the guest on each of the screen's frames, shows what came of it, and stores
// the program when it is paused. It begins with what is stored, if anything is.

import * as Comlink from 'comlink';
import { drawDepths, drawMaze } from './picture.js';
import { stored } from './stored.js';

/** @typedef {import('./guest.js').View} View @typedef {import('./guest.js').Engine} Engine */

const guest = /** @type {Comlink.Remote<import('./guest.js').GuestWorker>} */ (
  Comlink.wrap(new Worker(new URL('guest.js', import.meta.url), { type: 'module' }))
);

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
function element(id, type) {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${id}`);
}
/** @param {string} id */
function canvas(id) {
  const context = element(id, HTMLCanvasElement).getContext('2d');
  if (context === null) throw new Error('this browser draws no pictures');
  return context;
}
const maze = canvas('maze');
const depthsPicture = canvas('depths');
const buttons = {
  go: element('go', HTMLButtonElement),
  pause: element('pause', HTMLButtonElement),
  again: element('again', HTMLButtonElement),
};
const speed = element('speed', HTMLInputElement);
const engine = element('engine', HTMLSelectElement);
const progress = element('progress', HTMLProgressElement);
const texts = {
  phase: element('phase', HTMLElement),
  result: element('result', HTMLElement),
  fuel: element('fuel', HTMLElement),
  depth: element('depth', HTMLElement),
  note: element('note', HTMLElement),
};
const frames = element('frames', HTMLOListElement);

/** @typedef {'loading' | 'running' | 'storing' | 'paused' | 'done' | 'failed'} State */
/** @type {State} */
let state = 'loading';
/** The last slice under way. */
let running = Promise.resolve();
/** @type {number[]} */
let depths = [];

/** @param {State} next @param {string} [note] */
function become(next, note = '') {
  state = next;
  document.body.dataset.state = next;
  texts.note.textContent = note;
  buttons.go.disabled = next !== 'paused';
  buttons.pause.disabled = next !== 'running';
  buttons.again.disabled = next !== 'paused' && next !== 'done';
  engine.disabled = next !== 'paused' && next !== 'running';
}

const chosenEngine = () => /** @type {Engine} */ (engine.value);
/** Units of fuel for each frame of the screen. */
const chosenFuel = () => Math.round(10 ** Number(speed.value));
const screenFrame = () => new Promise(requestAnimationFrame);

async function run() {
  while (state === 'running') {
    await guest.run(chosenFuel());
    if (await show()) return finish();
    await screenFrame();
  }
}

/** Whether the guest is done. */
async function show() {
  const view = await guest.look();
  depths.push(view.depth);
  drawMaze(maze, view);
  drawDepths(depthsPicture, depths);
  tell(view);
  return view.result !== undefined;
}

/** @param {View} view */
function tell(view) {
  const { cells, carved, depth, result } = view;
  const count = (/** @type {Int32Array | Uint8Array} */ list, bits = -1) => list.filter((cell) => cell & bits).length;
  progress.value = result === undefined ? (count(carved) + count(cells, 16)) / (2 * cells.length) : 1;
  texts.phase.textContent = result === undefined ? (view.frames.at(0 - Math.min(2, depth))?.name ?? '') : 'done';
  texts.result.textContent = result === undefined ? '' : `#${result.toString(16).padStart(8, '0')}`;
  texts.depth.textContent = depth.toLocaleString('en');
  const more = document.createElement('li');
  more.textContent = `… and ${(depth - view.frames.length).toLocaleString('en')} more`;
  more.hidden = depth <= view.frames.length;
  frames.replaceChildren(...view.frames.map(frameItem), more);
}

/** @param {View['frames'][number]} frame @param {number} far */
function frameItem({ name, locals }, far) {
  const item = document.createElement('li');
  item.style.setProperty('--far', String(far));
  const title = document.createElement('b');
  title.textContent = name;
  const values = document.createElement('span');
  values.textContent = locals.map((local) => `${local.name} ${local.value}`).join('  ');
  item.append(title, values);
  return item;
}

function goOn() {
  become('running');
  running = run().catch(fail);
}

async function finish() {
  await stored.forget();
  become(
    'done',
    'Done. The number below the maze is a hash of it: the same for this seed, however often it was paused.',
  );
}

async function pause() {
  become('storing');
  await running;
  // The last slice may have been the last of all.
  if (state !== 'storing') return;
  const bytes = await guest.save();
  await stored.put({ bytes, depths, savedAt: Date.now() });
  become(
    'paused',
    `Stored: all of the program, in ${bytes.length.toLocaleString('en')} bytes. Reload the page, or close it.`,
  );
}

/** @param {number} seed */
async function begin(seed) {
  become('loading');
  depths = [];
  await stored.forget();
  await guest.begin(seed, chosenEngine());
  goOn();
}

/** @param {import('./stored.js').Saved} saved */
async function goOnLater(saved) {
  depths = saved.depths;
  await guest.restore(saved.bytes, chosenEngine());
  await show();
  const [when, size] = [new Date(saved.savedAt).toLocaleTimeString(), saved.bytes.length.toLocaleString('en')];
  become('paused', `Stored at ${when} in ${size} bytes. The page is new, the program is not.`);
}

/** @param {unknown} error */
const fail = (error) => become('failed', String(error));
const randomSeed = () => 1 + Math.floor(Math.random() * 0x7fff_fffe);

buttons.go.onclick = goOn;
buttons.pause.onclick = () => pause().catch(fail);
buttons.again.onclick = () => begin(randomSeed()).catch(fail);
engine.onchange = () => guest.hop(chosenEngine()).catch(fail);
const tellSpeed = () => {
  texts.fuel.textContent = `${chosenFuel().toLocaleString('en')} fuel`;
};
speed.oninput = tellSpeed;
tellSpeed();

// `?seed=7&engine=native` begins with these.
const wanted = new URLSearchParams(location.search);
if (wanted.get('engine') === 'native') engine.value = 'native';
const saved = await stored.get();
const seed = Number(wanted.get('seed')) || randomSeed();
await (saved === undefined ? begin(seed) : goOnLater(saved)).catch(fail);
