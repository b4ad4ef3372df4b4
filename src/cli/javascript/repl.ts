// `wasbox js` alone: a session that is typed in, line by line; what a line means is in evaluator.ts.

import { UsageError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import { checkFor, parseMs } from '../read/arguments.ts';
import { codeOf, type Exit, errorLine, known } from '../told/exit.ts';
import { flushed, print, warn } from '../told/output.ts';
import { beginning, type JsOptions } from './begin.ts';
import { Evaluator } from './evaluator.ts';
import { boundsOf, givenBy } from './options.ts';
import { Typing } from './typing.ts';

export async function repl(options: JsOptions): Promise<Exit> {
  checkFor('what is typed in', options, 'save', 'type', 'json');
  const { timeout, ...others } = options;
  const { fuel } = boundsOf(others);
  const grants = { fuel, timeout: timeout === undefined ? undefined : parseMs(timeout, '--timeout') };
  const given = await givenBy(options);
  const begin = beginning(options);
  const typing = new Typing();
  if (typing.isTerminal) print('wasbox js: JavaScript in a sandbox. .help tells more');
  const exit = await new Repl(typing, new Evaluator(typing, given, begin, grants)).run();
  typing.close();
  await flushed();
  // Tools may have left timers and sockets.
  process.exit(codeOf(exit));
}

const help = `Variables last from line to line; a line that has no end yet goes on in the next one.
  .help         this
  .save FILE    save the session, also with a line that rests
  .load FILE    go on with what was saved here, or by wasbox js FILE --save
  .exit         leave, as Ctrl-D does
Ctrl-C pauses a line that runs. One that rests, or waits for a call of a tool:
  .go           goes on
  .drop         is given up; the session is as it was before it
  .result [ID=]JSON    goes on with what its call gives
  .error [ID=]TEXT     goes on with what its call throws`;

type Command = (of: Evaluator, rest: string) => unknown;
const commands = new Map<string, Command>([
  ['help', () => print(help)],
  ['save', (of, file) => of.save(needed(file, '.save', 'FILE'))],
  ['load', (of, file) => of.load(needed(file, '.load', 'FILE'))],
  ['go', (of) => of.goOn({})],
  ['drop', (of) => of.drop()],
  ['result', (of, text) => of.goOn({ result: [needed(text, '.result', '[ID=]JSON')] })],
  ['error', (of, text) => of.goOn({ error: [needed(text, '.error', '[ID=]TEXT')] })],
]);

function needed(text: string, command: string, what: string): string {
  if (text === '') throw new UsageError(`${command} ${what}: ${what} is missing`);
  return text;
}

class Repl {
  /** Lines of code that has no end yet. */
  private begun = '';
  /** Something went wrong: for the exit code where nobody looks on. */
  private failed = false;

  constructor(
    private readonly typing: Typing,
    private readonly evaluator: Evaluator,
  ) {}

  async run(): Promise<Exit> {
    let isLeaving = false;
    for (;;) {
      const typed = await this.typing.next(this.prompt);
      if (typed.kind === 'end') break;
      if (typed.kind === 'interrupt') {
        if (isLeaving) break;
        isLeaving = typed.text === '' && this.begun === '';
        this.begun = '';
        print(isLeaving ? '\nCtrl-C again leaves, as Ctrl-D and .exit do' : '');
      } else {
        isLeaving = false;
        if (await this.line(typed.text)) break;
      }
    }
    return this.left();
  }

  private get prompt(): string {
    if (this.begun !== '') return '... ';
    return this.evaluator.rests ? 'at rest> ' : '> ';
  }

  /** Whether it is the last. */
  private async line(text: string): Promise<boolean> {
    const [, name, rest = ''] = this.begun === '' ? (/^\s*\.([a-z]+)(?:\s+(.*))?$/i.exec(text) ?? []) : [];
    if (name === 'exit') return true;
    await this.guarded(() => (name === undefined ? this.code(text) : this.command(name, rest.trim())));
    return false;
  }

  private async command(name: string, rest: string): Promise<unknown> {
    const command = commands.get(name);
    if (command === undefined) throw new UsageError(`there is no command ${quoted(`.${name}`)}; .help lists them`);
    return command(this.evaluator, rest);
  }

  private async code(text: string): Promise<unknown> {
    const code = this.begun + text;
    this.begun = '';
    if (code.trim() === '') return;
    const came = await this.evaluator.evaluate(code, true);
    if (came === 'incomplete') this.begun = `${code}\n`;
    return came;
  }

  /** What goes wrong is told, and the next line may do better. */
  private async guarded(act: () => Promise<unknown>): Promise<void> {
    try {
      if ((await act()) === 'failed') this.failed = true;
    } catch (error) {
      this.failed = true;
      warn(errorLine(known(error)));
    }
  }

  private async left(): Promise<Exit> {
    const { begun, evaluator, typing } = this;
    if (begun !== '' && !typing.isTerminal) await this.guarded(() => evaluator.evaluate(begun, false));
    if (evaluator.rests) warn('what rests is lost: .save would have kept it');
    return (this.failed || evaluator.rests) && !typing.isTerminal ? 'failed' : 'ok';
  }
}
