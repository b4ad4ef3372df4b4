// A topic: ports that each get all that is published under a name.

import type { End, Port } from './port.ts';

export class Topic {
  private ends: End[] = [];

  /** How often members have published. */
  readonly publishers = new Map<string, number>();

  constructor(readonly name: string) {}

  note(publisher: string): void {
    this.publishers.set(publisher, (this.publishers.get(publisher) ?? 0) + 1);
  }

  add(end: End): void {
    this.ends.push(end);
  }

  /** The ports of those who still listen; the others are forgotten. */
  listeners(): Port[] {
    const gone = this.ends.filter(({ port }) => port.isOver('send'));
    for (const end of gone) end.release();
    if (gone.length > 0) this.ends = this.ends.filter(({ isHeld }) => isHeld);
    return this.ends.map(({ port }) => port);
  }
}
