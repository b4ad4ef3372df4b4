// Lines that are typed, or come from a file. While a line is read the terminal is readline's; while something runs it is
// as it was, so that Ctrl-C is the signal that it is everywhere.

import { createInterface, type Interface } from 'node:readline';
import { History, historyFile, mostHistory } from './history.ts';

export type Typed =
  | { readonly kind: 'line'; readonly text: string }
  /** Ctrl-C, and what stood in the line. */
  | { readonly kind: 'interrupt'; readonly text: string }
  | { readonly kind: 'end' };

export class Typing {
  readonly isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  private readonly history = new History(this.isTerminal ? historyFile() : undefined);
  private readonly lines: Interface;
  /** What nobody has asked for yet: what is pasted comes at once. */
  private readonly typed: Typed[] = [];
  private tell = (): void => {};
  private isOver = false;

  constructor() {
    const { isTerminal, history } = this;
    this.lines = createInterface({
      ...{ input: process.stdin, terminal: isTerminal, tabSize: 2 },
      ...(isTerminal && { output: process.stdout, history: history.lines, historySize: mostHistory }),
      removeHistoryDuplicates: true,
    });
    this.lines.on('line', (text) => {
      history.add(text);
      this.come({ kind: 'line', text });
    });
    this.lines.on('SIGINT', () => this.come({ kind: 'interrupt', text: this.emptied() }));
    this.lines.on('close', () => {
      this.isOver = true;
      this.come({ kind: 'end' });
    });
  }

  private come(typed: Typed): void {
    this.typed.push(typed);
    this.tell();
  }

  private emptied(): string {
    const { line } = this.lines;
    this.lines.write(null, { ctrl: true, name: 'e' });
    this.lines.write(null, { ctrl: true, name: 'u' });
    return line;
  }

  async next(prompt: string): Promise<Typed> {
    if (this.typed.length === 0 && !this.isOver) {
      this.lines.setPrompt(this.isTerminal ? prompt : '');
      const come = new Promise<void>((resolve) => {
        this.tell = resolve;
      });
      if (this.isTerminal) this.lines.prompt();
      else this.lines.resume();
      await come;
    }
    return this.typed.shift() ?? { kind: 'end' };
  }

  /** Does something; Ctrl-C meanwhile is told once, and the next one ends the process. */
  async during<T>(interrupt: () => void, act: () => Promise<T>): Promise<T> {
    if (!this.isTerminal) return act();
    if (!this.isOver) this.lines.pause();
    process.stdin.setRawMode(false);
    process.once('SIGINT', interrupt);
    try {
      return await act();
    } finally {
      process.off('SIGINT', interrupt);
      if (!this.isOver) process.stdin.setRawMode(true);
    }
  }

  close(): void {
    if (!this.isOver) this.lines.close();
  }
}
