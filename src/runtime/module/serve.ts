// What a thread does that checks modules for another one (aside.ts): one after the other, each decoded and validated.

import { decode } from '../../binary/decode.ts';
import { CrashError } from '../../spec/errors.ts';
import { codesOf, validate } from '../../validate/module.ts';
import { hashOf } from '../beneath/sha256.ts';
import { type Answer, failureOf, ownPort } from './aside.ts';

export function serve(): void {
  const port = ownPort();
  if (port === undefined) throw new CrashError('this is no thread');
  const say = (answer: Answer) => port.postMessage(answer);
  port.on('message', (bytes: Uint8Array) => say(answerTo(bytes)));
  say({ kind: 'ready' });
}

function answerTo(bytes: Uint8Array): Answer {
  try {
    const codes = codesOf(validate(decode(bytes)));
    return { kind: 'checked', hash: hashOf(bytes), codes };
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error) };
  }
}
