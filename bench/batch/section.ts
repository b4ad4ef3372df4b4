// What short jobs cost: batches of them through a pool, beside Piscina whose threads have the host's own WebAssembly and
// make an instance for each; and a VM that is made, called and disposed of. `WASBOX_BEFORE` names the checkout of an older
// build, which is measured beside this one.

import { cpuTime, figure, time, warmUp } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';
import { builds, type Lane, piscina, pools } from './lanes.ts';
import { type Task, tasks } from './task.ts';

const rounds = 9;
/** So long a turn is, in ms. */
const turnMs = 250;
const fewest = 20;

interface Racer extends Lane {
  count: number;
  /** Jobs a second, by round. */
  readonly rates: number[];
  /** Of the processor, in ms a job. */
  readonly cpu: number[];
}

export async function batches(): Promise<Section> {
  const rows: string[][] = [];
  for (const task of await tasks()) rows.push(...(await race(task)));
  return {
    title: 'Batches',
    text: `Short jobs of one module on 2 threads, two a thread under way by \`map\` as it is, 32 elsewhere. *Piscina*: its threads have the compiled WebAssembly.Module, and make an instance of it for each job. The processor's time is that of all threads of the process, less that of the same work alone in an instance of the host's. Median of ${rounds} turns of about ${turnMs} ms (least to most), in which all take turns once they are warm; ratios are of the same turns.`,
    head: ['what', 'who', 'jobs a second', 'beside Piscina', 'processor beyond the work, µs a job'],
    rows,
  };
}

async function race(task: Task): Promise<string[][]> {
  const lanes = [piscina(task), ...(await builds()).flatMap((build) => pools(build, task))];
  const racers = lanes.map((lane): Racer => ({ ...lane, count: fewest, rates: [], cpu: [] }));
  try {
    for (const racer of racers) await warm(racer);
    for (let round = 0; round < rounds; round++) for (const racer of racers) await turn(racer);
    const alone = await aloneMs(task);
    const [host] = racers as [Racer];
    return racers.map(({ who, rates, cpu }) => [
      ...[task.name, who, cell(figure(rates))],
      cell(figure(rates.map((rate, round) => rate / (host.rates[round] as number)))),
      cell(figure(cpu.map((ms) => (ms - alone) * 1000))),
    ]);
  } finally {
    for (const { end } of lanes) await end();
  }
}

async function warm(racer: Racer): Promise<void> {
  await warmUp(async () => {
    const ms = await time(() => racer.run(racer.count));
    racer.count = Math.max(fewest, Math.ceil((turnMs * racer.count) / ms));
  });
}

async function turn({ run, count, rates, cpu }: Racer): Promise<void> {
  let ms = 0;
  const busy = await cpuTime(async () => {
    ms = await time(() => run(count));
  });
  rates.push((1000 * count) / ms);
  cpu.push(busy / count);
}

/** Milliseconds of the work alone. */
async function aloneMs({ alone }: Task): Promise<number> {
  await warmUp(alone);
  const samples: number[] = [];
  for (let i = 0; i < rounds; i++) samples.push(await time(alone, 100));
  return figure(samples).median;
}

const lifeRounds = 25;
const lives = 200;

/** A VM is made of a module that the thread knows, called once, and disposed of. */
export async function wholeLives(): Promise<Section> {
  const [task] = (await tasks()) as [Task];
  const racers = (await builds()).flatMap(({ name, core: { Module, VM } }) => {
    const module = Module.from(task.bytes);
    return (['auto', 'native', 'interpreter'] as const).map((engine) => ({
      ...{ who: `${name}, ${engine}`, times: [] as number[] },
      life() {
        const vm = new VM({ engine });
        vm.start(vm.instantiate(module).func('run'), [task.input as number]);
        const outcome = vm.run();
        vm.dispose();
        if (!task.check(outcome.values)) throw new Error(`${task.name} came to ${String(outcome.values)}`);
      },
    }));
  });
  for (const { life } of racers) await warmUp(life);
  for (let round = 0; round < lifeRounds; round++)
    for (const { life, times } of racers) {
      const started = performance.now();
      for (let i = 0; i < lives; i++) life();
      times.push((1000 * (performance.now() - started)) / lives);
    }
  return {
    title: 'The whole life of a VM',
    text: `Made of a module that the thread knows, called (${task.name}), and disposed of, one after another in one thread. Median of ${lifeRounds} turns of ${lives} (least to most).`,
    head: ['engine', 'µs'],
    rows: racers.map(({ who, times }) => [who, cell(figure(times))]),
  };
}
