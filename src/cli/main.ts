#!/usr/bin/env node
// The command line: which commands and options there are. What a command does is in the file of its name; what an exit
// code means is in exit.ts.

import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { isA } from '../spec/told.ts';
import type { BatchOptions } from './batch.ts';
import { type Exit, errorLine, exitCodesHelp, exitFor, exits, known } from './exit.ts';
import { inspect } from './inspect.ts';
import { resume } from './resume.ts';
import { run } from './run.ts';

const { version } = createRequire(import.meta.url)('wasbox/package.json') as { version: string };

const fuelOption = ['--fuel <n>', 'suspend after so much fuel, about one unit per instruction (1e7 is fine)'] as const;
const saveOption = ['--save <file>', 'where to save a program that is out of fuel or stopped with Ctrl-C'] as const;
const hostOption = ['--host <file>', 'a JavaScript module that exports the host functions as `imports`'] as const;
const engineOption = ['--engine <name>', 'auto (the default), interpreter or native'] as const;
const cacheOption = ['--cache <folder>', 'where rewritten modules are kept for the next time'] as const;
const jsonOption = ['--json', 'write the outcome as JSON'] as const;

/** The pool takes a while to load, and no other command needs it. */
const runBatch = async (file: string, options: BatchOptions): Promise<Exit> =>
  (await import('./batch.ts')).batch(file, options);

/** Runs a command and leaves its exit code with the process. */
const exiting =
  <A extends unknown[]>(command: (...args: A) => Exit | Promise<Exit>) =>
  async (...args: A): Promise<void> => {
    process.exitCode = exits[await command(...args)].code;
  };

function program(): Command {
  const all = new Command('wasbox')
    .description('Runs WebAssembly programs that can be suspended, saved, moved and resumed.')
    .version(version)
    .addHelpText('after', `\n${exitCodesHelp}`)
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`wasbox: ${text.replace(/^error: /, '')}`) });

  const command = (usage: string) => all.command(usage).copyInheritedSettings(all);

  command('run <file> [args...]')
    .description('call an export of a module; arguments are read by its type (put -- before such as -inf)')
    .option('--invoke <name>', 'the export to call (default: _start, run, main, or the only one)')
    .option(...fuelOption)
    .option(...saveOption)
    .option(...hostOption)
    .option(...engineOption)
    .option(...cacheOption)
    .option(...jsonOption)
    .action(exiting(run));

  command('resume <file>')
    .description('go on with a saved program')
    .option(...fuelOption)
    .option(...saveOption)
    .option('--module <file...>', 'modules that the file does not hold itself')
    .option(...hostOption)
    .option(...engineOption)
    .option(...cacheOption)
    .option(...jsonOption)
    .action(exiting(resume));

  command('inspect <file>')
    .description('show what is in a module or in a saved program')
    .option('--func <name>', 'disassemble a function, given by name, export or index')
    .option('--frames <n>', 'the most frames to show', '20')
    .option('--module <file...>', 'modules that the file does not hold itself')
    .option(...jsonOption)
    .action(exiting(inspect));

  command('batch <jobs>')
    .description('run the jobs of a file, one JSON object a line, on several threads')
    .option('--threads <n>', 'how many threads (default: one a processor)')
    .option(...cacheOption)
    .option('--json', 'write each result as a line of JSON')
    .addHelpText('after', batchHelp)
    .action(exiting(runBatch));

  return all;
}

const batchHelp = `
Keys of a job:
  module     path of a module, or a package's file (@scope/name/file.wasm)
  export     the export to call (default as for run), with
  args       its arguments; or
  program    a job module (JavaScript) that says what to call, with
  input      what it gets: JSON, or inputFile: the path of a file
  name       what the job is called in the output
  host       a JavaScript module that exports the host functions
  fuel, deadline (ms), priority (-20 to 20)
Paths are relative to the jobs file.`;

/** A reader such as \`head\` that has seen enough is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exits.ok.code);
  throw error;
});

function fail(thrown: unknown): number {
  if (isA(thrown, CommanderError)) return thrown.exitCode === 0 ? exits.ok.code : exits.usage.code;
  const error = known(thrown);
  console.error(`wasbox: ${errorLine(error)}`);
  return exits[exitFor(error)].code;
}

try {
  await program().parseAsync();
} catch (thrown) {
  process.exitCode = fail(thrown);
}
