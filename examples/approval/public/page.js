// The page: asks the server twice a second what there is, and shows what has changed. What programs and their authors wrote
// is shown as text, never as markup.

import { samples } from './samples.js';

/**
 * @typedef {import('../src/kept.js').Run} Run @typedef {import('../src/kept.js').Entry} Entry @typedef {import('../src/kept.js').Call} Call
 * @typedef {Run & { entries: Entry[] }} Shown
 */

const betweenMs = 500;

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
function element(id, type) {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${id}`);
}
const form = element('submit', HTMLFormElement);
const code = element('code', HTMLTextAreaElement);
const refused = element('refused', HTMLOutputElement);
const list = element('runs', HTMLElement);
const balance = element('balance', HTMLElement);
const server = element('server', HTMLElement);

/** @param {string} tag @param {string} className @param {...(Node | string)} children */
function made(tag, className, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...children);
  return node;
}

/** @param {string} text @param {string} className @param {() => unknown} act */
function button(text, className, act) {
  const node = /** @type {HTMLButtonElement} */ (made('button', className, text));
  node.type = 'button';
  node.addEventListener('click', async () => {
    node.disabled = true;
    await act();
    await look();
    node.disabled = false;
  });
  return node;
}

// What is asked

/** Gives what was refused, as text; undefined where nothing was. @param {string} method @param {string} path @param {unknown} [body] */
async function ask(method, path, body) {
  const options =
    body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  try {
    const response = await fetch(path, { method, ...options });
    return response.ok ? undefined : (await response.json()).message;
  } catch {
    return 'the server does not answer';
  }
}

/** What the cards show, as the server told it. */
let known = '';

async function look() {
  try {
    const response = await fetch('/runs');
    if (!response.ok) throw new Error(`the server answers with ${response.status}`);
    const told = await response.text();
    become('up');
    if (told === known) return;
    known = told;
    show(JSON.parse(told));
  } catch {
    become('down');
  }
}

/** @param {'up' | 'down'} state */
function become(state) {
  document.body.dataset.server = state;
  server.textContent = state === 'up' ? 'answers' : 'is down; all runs are kept';
}

// What is shown

/** Cards by the run's id, with what they were made of. @type {Map<string, { told: string, card: HTMLElement }>} */
const cards = new Map();

/** @param {{ balance: number, runs: Shown[] }} all */
function show({ balance: left, runs }) {
  balance.textContent = left.toLocaleString('en');
  for (const id of [...cards.keys()].filter((each) => !runs.some((run) => run.id === each))) cards.delete(id);
  for (const run of runs) {
    const told = JSON.stringify(run);
    if (cards.get(run.id)?.told !== told) cards.set(run.id, { told, card: cardOf(run, cards.get(run.id)?.card) });
  }
  const wanted = runs.map(({ id }) => /** @type {HTMLElement} */ (cards.get(id)?.card));
  if (wanted.length === 0) wanted.push(made('p', 'empty', 'Nothing runs yet. Submit some code.'));
  if (wanted.some((card, i) => list.children[i] !== card) || list.children.length !== wanted.length)
    list.replaceChildren(...wanted);
}

const statuses = {
  running: 'runs',
  waiting: 'waits for a human',
  sleeping: 'sleeps',
  done: 'done',
  failed: 'failed',
  stopped: 'stopped',
};

/** @param {Shown} run @param {HTMLElement | undefined} before */
function cardOf(run, before) {
  const { id, at, status, printed, waits, entries, answer, until, fuel } = run;
  const card = made('article', 'run');
  card.dataset.status = status;
  card.dataset.id = id;
  const time = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const remove = button('×', 'remove', () => ask('DELETE', `/runs/${id}`));
  remove.setAttribute('aria-label', 'End and forget this run');
  const used = fuel > 0 ? `${(fuel / 1e6).toFixed(1)} M fuel` : '';
  card.append(
    made(
      'header',
      '',
      made('b', 'status', statuses[status]),
      made('code', 'dim', id),
      made('span', 'dim', time),
      made('span', 'dim fuel', used),
      remove,
    ),
  );
  card.append(...waits.map((call) => questionOf(id, call)));
  if (until !== undefined)
    card.append(made('p', 'dim until', `goes on by itself at ${new Date(until).toLocaleString()}`));
  if (answer !== undefined) card.append(made('pre', 'answer', answer));
  if (printed.length > 0) card.append(made('pre', 'printed', printed.join('\n')));
  if (entries.length > 0) card.append(made('ul', 'entries', ...entries.map(entryOf)));
  card.append(codeOf(run, before));
  return card;
}

/** @param {Pick<Call, 'tool' | 'args'>} call */
const written = ({ tool, args }) => `${tool}(${args.join(', ')})`;

/** What a human is asked. @param {string} run @param {Call} call */
function questionOf(run, call) {
  const say = (/** @type {boolean} */ approved) => () =>
    ask('POST', `/runs/${run}/calls/${call.id}`, { approved }).then((message) => {
      refused.textContent = message ?? '';
    });
  const [yes, no] = call.tool === 'ask' ? ['Yes', 'No'] : ['Approve', 'Refuse'];
  const buttons = made('div', 'buttons', button(yes, 'approve', say(true)), button(no, 'refuse', say(false)));
  return made('div', 'question', made('code', '', written(call)), buttons);
}

/** A call that has acted, with its id. @param {Entry} entry */
const entryOf = (entry) =>
  made('li', '', made('code', '', `${written(entry)} → ${entry.answer}`), made('code', 'dim', entry.id));

/** The code of a run that waits is shown to whoever decides. @param {Run} run @param {HTMLElement | undefined} before */
function codeOf({ code: text, status }, before) {
  const summary = made('summary', '', 'Code');
  const details = /** @type {HTMLDetailsElement} */ (made('details', '', summary, made('pre', 'code', text)));
  const was = before?.dataset.status === status ? before.querySelector('details') : null;
  details.open = was?.open ?? status === 'waiting';
  return details;
}

// What is done

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  refused.textContent = (await ask('POST', '/runs', { code: code.value })) ?? '';
  await look();
});
code.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

const choices = Object.entries(samples).map(([name, text]) => {
  const choice = /** @type {HTMLButtonElement} */ (made('button', 'sample', name));
  choice.type = 'button';
  choice.addEventListener('click', () => choose(choice, text));
  return choice;
});
/** @param {HTMLElement} choice @param {string} text */
function choose(choice, text) {
  code.value = text;
  for (const each of choices) each.toggleAttribute('aria-current', each === choice);
}
element('samples', HTMLElement).append(...choices);
choose(/** @type {HTMLElement} */ (choices[0]), /** @type {string} */ (Object.values(samples)[0]));

for (;;) {
  await look();
  await new Promise((resolve) => setTimeout(resolve, betweenMs));
}
