// What programs can call. What a tool is given is written by strangers, so each looks at its arguments first; and whether a
// human is asked is decided here, not by the program.

import { setTimeout as sleep } from 'node:timers/promises';
import { pause } from 'wasbox/javascript';

/**
 * @typedef {import('wasbox/javascript').ToolCall} ToolCall
 * @typedef {import('./kept.js').Kept} Kept @typedef {import('./kept.js').Run} Run @typedef {import('./kept.js').Entry} Entry
 */

/** Letters, marks, digits, punctuation and spaces: nothing that hides what a human is asked. */
const visible = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u;

/** @param {unknown} value @param {string} what @param {number} most @returns {string} */
function text(value, what, most) {
  if (typeof value === 'string' && value.length <= most && visible.test(value)) return value;
  throw new TypeError(`${what} is a visible text of at most ${most} characters`);
}

/** @param {unknown} value @returns {number} */
function amount(value) {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 1_000_000) return value;
  throw new TypeError('an amount is a whole number from 1 to 1,000,000');
}

/**
 * The tools of a run. `acted` is told what each call has done.
 * @param {Kept} kept @param {Run} run @param {(entry: Entry) => void} acted
 */
export const toolsOf = (kept, run, acted) => {
  /** @param {ToolCall} call @param {readonly string[]} args @param {Parameters<Kept['once']>[1]} act */
  const once = async ({ id, tool }, args, act) => {
    const entry = await kept.once({ id, tool, args }, act);
    acted(entry);
    return entry.answer;
  };
  return {
    /** What an item costs. It only looks, so it may be asked again. @param {unknown} item */
    async quote(item) {
      const name = text(item, 'an item', 80);
      await sleep(100);
      return 20 + ([...name].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % 480);
    },

    /** Yes or no. @this {ToolCall} @param {unknown} question */
    ask(question) {
      text(question, 'a question', 200);
      return run.words[this.id] ?? pause;
    },

    /** Gives a receipt, once a human has approved. @this {ToolCall} @param {unknown} to @param {unknown} sum */
    async pay(to, sum) {
      const [whom, units] = [text(to, 'whom to pay', 80), amount(sum)];
      const isApproved = run.words[this.id];
      if (isApproved === undefined) return pause;
      if (!isApproved) throw new Error(`${units} for ${whom}: refused`);
      return once(this, [JSON.stringify(whom), String(units)], ({ balance, acts }) => {
        if (balance < units) throw new Error(`${units} for ${whom}: there is only ${balance}`);
        return { books: { balance: balance - units, acts: acts + 1 }, answer: `R-${acts + 1}` };
      });
    },

    /** Gives the number of the message; nobody has to approve. @this {ToolCall} @param {unknown} to @param {unknown} what */
    async send(to, what) {
      const args = [text(to, 'whom to write', 80), text(what, 'a message', 200)].map((each) => JSON.stringify(each));
      return once(this, args, ({ balance, acts }) => ({ books: { balance, acts: acts + 1 }, answer: `M-${acts + 1}` }));
    },
  };
};
