// The command line: which commands and options there are. What a command does is in the file of its name; what an exit
// code means is in exit.ts.

import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { isA } from '../spec/told.ts';
import type { BatchOptions } from './batch/batch.ts';
import type { InspectOptions } from './inspect/inspect.ts';
import type { JsOptions } from './javascript/begin.ts';
import type { TokenOptions } from './javascript/resume.ts';
import type { ShowOptions } from './kept.ts';
import type { ResumeOptions } from './resume.ts';
import type { RunOptions } from './run.ts';
import { codeOf, type Exit, errorJson, errorLine, exitCodesHelp, exitFor, exits, known } from './told/exit.ts';
import { flushed, print, warn, watchStreams } from './told/output.ts';
import { toJson } from './told/print.ts';
import type { WorkOptions } from './work.ts';

const { version } = createRequire(import.meta.url)('wasbox/package.json') as { version: string };

const fuelOption = ['--fuel <n>', 'suspend after so much fuel, about one unit per instruction (1e7 is fine)'] as const;
const timeoutOption = ['--timeout <ms>', 'suspend after so many milliseconds'] as const;
const memoryOption = ['--memory <size>', 'the most that all memories may have, such as 64M or 1G'] as const;
const saveOption = [
  '--save <file>',
  'where to save a program that is out of fuel or time, or interrupted (Ctrl-C, SIGTERM); a file that is there stays until the new one is whole',
] as const;
const hostOption = ['--host <file>', 'a JavaScript module that exports the host functions as `imports`'] as const;
const collected = (value: string, others: readonly string[] = []): readonly string[] => [...others, value];
const dirOption = [
  '--dir <HOST[::GUEST][:ro]>',
  'a folder that a program for WASI may use, under its own or another name, perhaps only to read; repeatable',
  collected,
] as const;
const envOption = [
  '--env <NAME[=VALUE]>',
  'an environment variable of a program for WASI, by its name alone as it is here; repeatable',
  collected,
] as const;
const storeOption = [
  '--store <folder|url>',
  'a store that keeps the program as it goes on: the same command goes on with it',
] as const;
const saveEveryOption = [
  '--save-every <fuel|time>',
  'with --store: how often it is saved, by time such as 500ms or 5s, or by fuel such as 1e9 (default: 1s)',
] as const;
const engineOption = ['--engine <name>', 'auto (the default), interpreter or native'] as const;
const cacheOption = [
  '--cache <folder>',
  'where rewritten modules are kept for the next time (default: WASBOX_CACHE, else wasbox in the user’s folder of caches)',
] as const;
const noCacheOption = ['--no-cache', 'keep none, and use none'] as const;
const jsonOption = ['--json', 'write the outcome as JSON, also where it is a failure'] as const;
const moduleOption = [
  '--module <file>',
  'a module that the file does not hold itself; may be given more than once',
  collected,
] as const;

const toolsOption = [
  '--tools <file>',
  'a JavaScript module that exports `tools`, the functions that a JavaScript program may call, or a function that makes them of { pause, asyncTool }',
] as const;
const keyOption = [
  '--key <file>',
  'seal what is saved of a JavaScript program, and open what was sealed: a key a line, its name and 64 hexadecimal digits',
] as const;
const importOption = [
  '--import <[NAME=]FILE>',
  'a module that a JavaScript program may import, under its path or another name; repeatable',
  collected,
] as const;
const limitOption = [
  '--limit <NAME=VALUE>',
  'a limit of a JavaScript program: calls (of tools), output, value (each of one that crosses) or stack, such as output=1G; repeatable',
  collected,
] as const;

// Each command loads what it needs, and no other.

const kept = () => import('./kept.ts');

const run = async (file: string, args: string[], options: RunOptions): Promise<Exit> =>
  (await import('./run.ts')).run(file, args, options);

const resume = async (file: string, options: ResumeOptions & TokenOptions): Promise<Exit> =>
  (await import('./resume.ts')).resume(file, options);

const inspect = async (file: string, options: InspectOptions): Promise<Exit> =>
  (await import('./inspect/inspect.ts')).inspect(file, options);

const runBatch = async (file: string, options: BatchOptions): Promise<Exit> =>
  (await import('./batch/batch.ts')).batch(file, options);

const runWork = async (options: WorkOptions): Promise<Exit> => (await import('./work.ts')).work(options);

const runJs = async (file: string | undefined, options: JsOptions): Promise<Exit> =>
  (await import('./javascript/run.ts')).js(file, options);

/** Runs a command and leaves its exit code with the process; what a program that was left still waits for is left, too. */
const exiting =
  <A extends unknown[]>(command: (...args: A) => Exit | Promise<Exit>) =>
  async (...args: A): Promise<void> => {
    const exit = await command(...args);
    process.exitCode = codeOf(exit);
    if (exit !== 'suspended') return;
    await flushed();
    process.exit();
  };

function program(): Command {
  const all = new Command('wasbox')
    .description('Runs programs of WebAssembly and JavaScript that can be suspended, saved, moved and resumed.')
    .version(version)
    .addHelpText('after', `\n${exitCodesHelp}`)
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`wasbox: ${text.replace(/^error: /, '')}`) });

  const command = (usage: string) => all.command(usage).copyInheritedSettings(all);

  command('run <file> [args...]')
    .description(
      'run a program for WASI, which gets the arguments, or call an export of a module; its arguments are read by its type (put -- before such as -inf)',
    )
    .option('--invoke <name>', 'the export to call (default: _start, run, main, or the only one)')
    .option(...dirOption)
    .option(...envOption)
    .option(...fuelOption)
    .option(...timeoutOption)
    .option(...memoryOption)
    .option(...saveOption)
    .option(...storeOption)
    .option('--key <key>', 'with --store: what the program is kept by (default: a name of the file and its arguments)')
    .option(...saveEveryOption)
    .option(...hostOption)
    .option(...engineOption)
    .option(...cacheOption)
    .option(...noCacheOption)
    .option(...jsonOption)
    .action(exiting(run));

  command('js [file]')
    .description(
      'run a JavaScript program in a sandbox, and print its value: of its last expression, or a module’s default export; - is the standard input; without a file type it in',
    )
    .option(...toolsOption)
    .option(
      '--tool <name>',
      'a function that it may call and nobody answers here: it then waits; repeatable',
      collected,
    )
    .option('--input <json>', 'the value of its global `input`')
    .option('--type <name>', 'script or module (default: a module where it is called .mjs, imports or exports)')
    .option(...importOption)
    .option(...fuelOption)
    .option(...timeoutOption)
    .option('--memory <size>', 'the most that it may have (default: 256M)')
    .option(...limitOption)
    .option('--seed <n>', 'random numbers that follow from a number, so that two runs have the same')
    .option(
      '--clock <time>',
      'a clock of its own that begins then and goes on as it is looked at: 2026-01-31T12:00:00Z',
    )
    .option(
      '--save <file>',
      'where to save it when it waits for a call, sleeps for more than a minute, is out of fuel or time, or interrupted (Ctrl-C, SIGTERM); a file that is there stays until the new one is whole',
    )
    .option(...keyOption)
    .option(...engineOption)
    .option(...cacheOption)
    .option(...noCacheOption)
    .option(...jsonOption)
    .addHelpText('after', jsHelp)
    .action(exiting(runJs));

  command('resume <file>')
    .description('go on with a saved program: whatever --save, `VM.save`, a pool or `wasbox/javascript` has written')
    .option(...fuelOption)
    .option(...timeoutOption)
    .option(...memoryOption)
    .option(...saveOption)
    .option(...moduleOption)
    .option(...dirOption)
    .option('--program <file>', 'the job module of a job that a pool has saved')
    .option(...hostOption)
    .option(...toolsOption)
    .option(
      '--result <[ID=]JSON>',
      'what a call of a tool gives that a JavaScript program waits for; where only one waits its id may be left out; repeatable',
      collected,
    )
    .option('--error <[ID=]TEXT>', 'the message of the error that such a call throws; repeatable', collected)
    .option('--results <file>', 'what such calls give, as JSON: an object with their ids as its keys')
    .option(...importOption)
    .option(...limitOption)
    .option(...keyOption)
    .option(...engineOption)
    .option(...cacheOption)
    .option(...noCacheOption)
    .option(...jsonOption)
    .action(exiting(resume));

  command('inspect <file>')
    .description(
      'show what is in a module, in a saved program of WebAssembly or JavaScript, or in the folder of a store',
    )
    .option('--func <name>', 'disassemble a function, given by name, export or index')
    .option('--frames <n>', 'the most frames to show', '20')
    .option('--bytes <[MEMORY:]ADDRESS[+LENGTH]>', 'show bytes of the memory of a saved program, 256 unless told')
    .option(...moduleOption)
    .option(
      '--base <file>',
      'what a saved program that holds changes only was saved beside; of a series all, the whole one first; repeatable',
      collected,
    )
    .option('--key <file>', 'the key of a sealed JavaScript program')
    .option('--memory <size>', 'the most that a JavaScript program may have (default: 256M)')
    .option(...jsonOption)
    .action(exiting(inspect));

  const jobs = command('jobs').description('look at, go on with and remove what a store keeps');
  const jobCommand = (usage: string) => jobs.command(usage).copyInheritedSettings(all);

  jobCommand('list <store>')
    .description('each job: its key, its state, how often it was saved')
    .option(...jsonOption)
    .action(exiting(async (store: string, options: object) => (await kept()).list(store, options)));

  jobCommand('show <store> <key>')
    .description('a job: where it is, its stack and locals, or its result')
    .option('--frames <n>', 'the most frames to show', '20')
    .option(...jsonOption)
    .action(
      exiting(async (store: string, key: string, options: ShowOptions) => (await kept()).show(store, key, options)),
    );

  jobCommand('resume <store> <key>')
    .description(
      'go on with a job, of which --dir, --host and --program say what it may use, and tell what comes of it',
    )
    .option(...fuelOption)
    .option(...timeoutOption)
    .option(...memoryOption)
    .option(...saveEveryOption)
    .option(...dirOption)
    .option('--program <file>', 'the job module of a job')
    .option(...hostOption)
    .option(...engineOption)
    .option(...cacheOption)
    .option(...noCacheOption)
    .option(...jsonOption)
    .action(
      exiting(async (store: string, key: string, options: ResumeOptions) =>
        (await kept()).resumeKept(store, key, options),
      ),
    );

  jobCommand('rm <store> <keys...>')
    .description('remove jobs that nobody runs, and their results')
    .option(...jsonOption)
    .action(
      exiting(async (store: string, keys: string[], options: object) => (await kept()).remove(store, keys, options)),
    );

  command('batch <jobs>')
    .description('run the jobs of a file, one JSON object a line, on several threads; - is the standard input')
    .option('--threads <n>', 'how many threads (default: one a processor)')
    .option('--keep-going', 'let a line that is no job be a job that failed; else nothing runs, or nothing after it')
    .option('--output <file>', 'write each result to a file, as a line of JSON')
    .option('--resume', 'go on with a batch that was interrupted: leave out the jobs whose results are in that file')
    .option(
      '--store <folder|url>',
      'a store that keeps the jobs as they go on: the same command goes on in their midst',
    )
    .option(...saveEveryOption)
    .option(...cacheOption)
    .option(...noCacheOption)
    .option('--json', 'write each result as a line of JSON')
    .addHelpText('after', batchHelp)
    .action(exiting(runBatch));

  command('work')
    .description(
      'take jobs of a queue up, which `wasbox/queue` has put there, and run them; ended by Ctrl-C or SIGTERM it saves those that it has and gives them back',
    )
    .option('--queue <url>', 'where the queue is: redis://, rediss:// or postgres://')
    .option('--store <folder|url>', 'where its jobs are kept, the same for all who use the queue')
    .option('--name <name>', 'of the queue (default: wasbox)')
    .option('--prefix <text>', 'what its keys in Redis begin with (default: bull)')
    .option('--threads <n>', 'how many threads (default: one a processor)')
    .option('--jobs <n>', 'how many jobs it has at once that do not wait (default: 6, and 2 a thread)')
    .option('--waiting <n>', 'how many it may have besides that wait for a service or a time (default: 500)')
    .option(
      '--services <file>',
      'a JavaScript module that exports `services`: objects by the import modules that they answer for',
    )
    .option('--lease <ms>', 'how long it may be silent before its jobs go to others (default: 10000)')
    .option('--grace <ms>', 'how long it may take to save all at its end (default: 10000)')
    .option('--no-share', 'keep jobs that other runners would have a thread for')
    .option(...cacheOption)
    .option(...noCacheOption)
    .action(exiting(runWork));

  all.helpCommand(false);
  command('help [command]')
    .description('tell what a command does')
    .allowUnknownOption()
    .allowExcessArguments()
    .action((name?: string) => {
      const told = name === undefined ? all : all.commands.find((each) => each.name() === name);
      if (told === undefined) all.error(`unknown command '${name}'`, { code: 'commander.unknownCommand' });
      told?.help();
    });

  return all;
}

const jsHelp = `
What it prints goes to the standard output, warnings and errors to the standard error; with --json all of it. A tool is
called as if it answered at once, name.async(…) gives a promise; one that answers \`pause\`, as those of --tool do,
lets the program wait: \`wasbox resume FILE --result ID=JSON\` goes on. With --json a Map becomes a list of pairs, a Set a list, bytes
{ "base64": … }, an Error an object, a BigInt a text.`;

const batchHelp = `
Jobs are begun in the order of the file, as threads get free. Keys of a job:
  module     path of a module, or a package's file (@scope/name/file.wasm)
  export     the export to call (default as for run), with
  args       its arguments; or
  program    a job module (JavaScript) that says what to call, with
  input      what it gets: JSON, or inputFile: the path of a file
  name       what the job is called in the output
  host       a JavaScript module that exports the host functions
  fuel       the most fuel that it may use
  memory     the most that its memories may have, such as 64M
  deadline   how many milliseconds it may take from its start
Paths are relative to the jobs file, or to the current folder for the standard input.`;

/** Whether the outcome is wanted as JSON, whatever else is wrong with the command line. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).includes('--json');
}

function fail(thrown: unknown): number {
  const isParser = isA(thrown, CommanderError);
  if (isParser && thrown.exitCode === 0) return exits.ok.code;
  const error = known(thrown);
  if (!isParser) warn(errorLine(error));
  if (wantsJson(process.argv.slice(2))) print(toJson(errorJson(error)));
  return codeOf(exitFor(error));
}

watchStreams();
try {
  await program().parseAsync();
} catch (thrown) {
  process.exitCode = fail(thrown);
}
