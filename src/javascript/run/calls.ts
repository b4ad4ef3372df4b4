// The calls of tools that this run has made: each is made once, and its reply kept until the guest takes it.

import { isA } from '../../spec/told.ts';
import type { BegunCall, ToolRequest } from '../machine/state.ts';
import { decodeValue } from '../values/decode.ts';
import type { Message } from '../values/format.ts';
import type { Driven } from './options.ts';
import type { Stop } from './stop.ts';
import { failureOf, functionOf, pause, replyOf } from './tools.ts';

/** Made, and not answered; answered; or at rest until somebody resumes the program with a result. */
type Made =
  | { readonly kind: 'under way'; readonly end: Promise<void> }
  | { readonly kind: 'replied'; readonly reply: Message }
  | { readonly kind: 'paused' };

const maxMs = 2 ** 31 - 1;

/** What services are told, and whoever resumes a program. */
export const idOfCall = (run: string, number: number): string => `${run}-${number}`;

export class Calls {
  /** By number. */
  private readonly made = new Map<number, Made>();

  constructor(
    readonly run: string,
    private readonly options: Driven,
    private readonly stop: Stop,
  ) {}

  idOf(number: number): string {
    return idOfCall(this.run, number);
  }

  isKnown(number: number): boolean {
    return this.made.has(number);
  }

  /** Ids of those that were made and have given no reply yet; and of those of them that nobody answers here. */
  get open(): { readonly known: readonly string[]; readonly paused: readonly string[] } {
    const ids = (wanted: (made: Made) => boolean) =>
      [...this.made].flatMap(([number, made]) => (wanted(made) ? [this.idOf(number)] : []));
    return { known: ids(() => true), paused: ids(({ kind }) => kind === 'paused') };
  }

  get areUnderWay(): boolean {
    return [...this.made.values()].some(({ kind }) => kind === 'under way');
  }

  /** What came of a call that the guest waits for. */
  async reply(request: ToolRequest): Promise<Message | 'paused' | 'stopped'> {
    const { number } = request;
    this.begin(request);
    for (;;) {
      const made = this.made.get(number);
      if (made === undefined) return 'paused';
      if (made.kind === 'under way') {
        await Promise.race([made.end, this.stop.come]);
        if (this.made.get(number) === made) return 'stopped';
      } else {
        this.made.delete(number);
        return made.kind === 'paused' ? 'paused' : made.reply;
      }
    }
  }

  /** Makes a call, unless it was made. */
  begin(request: ToolRequest): void {
    if (!this.made.has(request.number)) this.made.set(request.number, this.begun(request));
  }

  private begun(request: ToolRequest): Made {
    const { number, tool } = request;
    const { results = {}, errors = {}, tools = {} } = this.options;
    const id = this.idOf(number);
    const known = this.options.replies?.get(number);
    if (known !== undefined) return { kind: 'replied', reply: known };
    if (Object.hasOwn(results, id)) return { kind: 'replied', reply: replyOf(results[id], `results.${id}`) };
    if (Object.hasOwn(errors, id)) return { kind: 'replied', reply: failureOf(errors[id], `errors.${id}`) };
    const answer = functionOf(tools, tool);
    if (answer === undefined) return { kind: 'paused' };
    return this.answered(request, () =>
      Reflect.apply(answer as (...args: unknown[]) => unknown, { id, tool, signal: this.stop.toolSignal }, [
        ...(decodeValue(request.args) as unknown[]),
      ]),
    );
  }

  private answered({ number, tool }: ToolRequest, act: () => unknown): Made {
    const what = `what the tool ${JSON.stringify(tool)} gave`;
    const told = (value: unknown): Made =>
      value === pause ? { kind: 'paused' } : { kind: 'replied', reply: replyOf(value, what) };
    const failed = (thrown: unknown): Made => ({ kind: 'replied', reply: failureOf(thrown, what) });
    try {
      const given = act();
      if (!isThenable(given)) return told(given);
      const end = Promise.resolve(given).then(
        (value) => void this.made.set(number, told(value)),
        (thrown: unknown) => void this.made.set(number, failed(thrown)),
      );
      return { kind: 'under way', end };
    } catch (thrown) {
      return failed(thrown);
    }
  }

  /** Gives each call that the guest goes on beside its reply, where there is one by now. Says whether there was any. */
  collect(begun: readonly BegunCall[]): boolean {
    let some = false;
    for (const call of begun) {
      const made = this.made.get(call.number);
      if (made?.kind !== 'replied') continue;
      call.reply = made.reply;
      this.made.delete(call.number);
      some = true;
    }
    return some;
  }

  /** Until a reply is there, so many milliseconds have passed, or the program is to stop. */
  async next(ms: number): Promise<void> {
    const waits = [...this.made.values()].flatMap((made) => (made.kind === 'under way' ? [made.end] : []));
    let timer: ReturnType<typeof setTimeout> | undefined;
    if (ms !== Number.POSITIVE_INFINITY)
      waits.push(
        new Promise((resolve) => {
          timer = setTimeout(resolve, Math.min(Math.ceil(ms), maxMs));
        }),
      );
    await Promise.race([...waits, this.stop.come]);
    clearTimeout(timer);
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  isA(value, Promise) ||
  (typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function');
