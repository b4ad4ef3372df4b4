// An agent that waits for a human, for as long as it takes: minutes or months, over restarts and on other machines. The
// guest calls services, objects on the main thread. Where the human has not answered yet, the job is suspended in the
// middle of that call and saved; nothing of it is left in memory. With the answer it goes on.
//
//     node examples/agent/main.js            # begins, or tells what it waits for
//     node examples/agent/main.js yes        # or no: the answer
//
// The bank pays once for each call, although a call may be made again: its ledger has the pair of job and call.

import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { Module } from 'wasbox';
import { JobSnapshot, Pool, SuspendedError } from 'wasbox/pool';

const saved = 'agent.wbx';
const ledgerFile = 'ledger.json';
const module = Module.from(await readFile(new URL('agent.wasm', import.meta.url)));
const ledger = existsSync(ledgerFile) ? JSON.parse(await readFile(ledgerFile, 'utf8')) : {};
/** The human's word, for the question that is open. */
let answer = process.argv[2];

const amounts = [120, 2500, 80, 19000, 640];
const services = {
  books: { amount: (/** @type {number} */ invoice) => amounts[invoice - 1] },
  bank: {
    /** @param {number} invoice @param {number} amount @param {import('wasbox/pool').ServiceCall} call */
    async pay(invoice, amount, { job, id }) {
      const call = `${job}/${id}`;
      if (call in ledger) return;
      ledger[call] = { invoice, amount };
      await writeFile(ledgerFile, JSON.stringify(ledger, null, 2));
      console.log(`  paid ${amount} for invoice ${invoice}`);
    },
  },
  human: {
    /** @param {number} invoice @param {number} amount */
    approve(invoice, amount) {
      if (answer === undefined) {
        console.log(`  invoice ${invoice} is of ${amount}. Pay it? node examples/agent/main.js yes|no`);
        // Nobody waits for this call any longer; a later process makes it again.
        job.suspend();
        return new Promise(() => {});
      }
      const approved = answer === 'yes';
      console.log(`  invoice ${invoice}: ${approved ? 'approved' : 'refused'}`);
      answer = undefined;
      return Number(approved);
    },
  },
};

const pool = new Pool({ threads: 1, services });
const job = existsSync(saved)
  ? pool.resume(JobSnapshot.decode(await readFile(saved)), { modules: [module] })
  : pool.submit({ module, export: 'work' });
try {
  const [paid] = /** @type {number[]} */ (await job.result);
  console.log(`done: ${paid} were paid`);
  await rm(saved, { force: true });
  await rm(ledgerFile, { force: true });
} catch (error) {
  if (!(error instanceof SuspendedError)) throw error;
  await writeFile(saved, error.snapshot.encode());
  console.log(`waits in ${saved}`);
} finally {
  await pool.close();
}
