// Exceptions in random programs: either the standard's, or the legacy ones.

import type { Body } from './body.ts';
import { type Type, tags, typeOfCaught } from './shape.ts';

/** Throws, mostly where a handler of the function's own is around. */
export function throwing(body: Body, depth: number): void {
  const { random } = body;
  if (body.handlers === 0 && !random.chance(10)) return;
  const tag = random.below(tags.length);
  const sure = random.chance(6);
  const raise = () => {
    for (const type of tags[tag] ?? []) body.expression(type, depth + 2);
    body.op('throw', tag);
  };
  if (sure) return raise();
  body.masked(random.pick([1, 3]), depth + 1);
  body.block('if', undefined, raise);
}

/** Statements with a handler. */
export function trying(body: Body, depth: number): void {
  if (body.shape.features.has('exceptions')) {
    if (body.random.chance(2)) caught(body, depth);
    else caughtAll(body, depth);
  } else legacy(body, depth);
}

function protectedPart(body: Body, depth: number): void {
  body.handlers++;
  body.statement(depth + 1);
  throwing(body, depth);
  body.statement(depth + 1);
  body.handlers--;
}

function keep(body: Body, tag: number): void {
  for (const type of (tags[tag] ?? []).toReversed()) body.op('local.set', body.locals.lastIndexOf(type));
}

/** A handler of one tag, whose values come with the branch. */
function caught(body: Body, depth: number): void {
  const tag = body.random.below(tags.length);
  const withReference = body.random.chance(2);
  const inner = () => {
    body.op('try_table');
    body.blockType(undefined);
    body.w.list([0], (w) => {
      w.byte(0);
      w.u32(tag);
      w.u32(0);
    });
    body.within([], () => protectedPart(body, depth));
    for (const type of tags[tag] ?? []) body.expression(type, depth + 1);
  };
  body.block('block', typeOfCaught(body.shape, tag), inner);
  keep(body, tag);
  if (withReference) body.statement(depth + 1);
}

/** A handler of whatever comes, which gets it as a reference. */
function caughtAll(body: Body, depth: number): void {
  const { random } = body;
  body.block('block', undefined, () => {
    body.block('block', 'exnref', () => {
      body.op('try_table');
      body.blockType(undefined);
      body.w.list([0], (w) => {
        w.byte(3);
        w.u32(0);
      });
      body.within([], () => protectedPart(body, depth));
      body.op('br', 1);
    });
    body.op('local.set', body.locals.lastIndexOf('exnref'));
    body.statement(depth + 1);
    if (body.handlers === 0 || random.chance(2)) return;
    // Just caught, and so no null, unless the statement has set the local.
    body.op('local.get', body.locals.lastIndexOf('exnref'));
    body.op('throw_ref');
  });
}

function legacy(body: Body, depth: number): void {
  const { random } = body;
  body.op('try');
  body.blockType(undefined);
  const label = { carries: [] as Type[], caught: false };
  body.labels.push(label);
  protectedPart(body, depth);
  if (body.handlers > 0 && random.chance(5)) {
    body.labels.pop();
    body.op('delegate', random.below(body.labels.length + 1));
    return;
  }
  label.caught = true;
  for (const tag of tags.keys()) {
    if (random.chance(2)) continue;
    body.op('catch', tag);
    keep(body, tag);
    handler(body, depth);
  }
  if (random.chance(3) && body.handlers > 0) return close(body);
  body.op('catch_all');
  handler(body, depth);
  close(body);
}

function close(body: Body): void {
  body.labels.pop();
  body.op('end');
}

function handler(body: Body, depth: number): void {
  const { random, labels } = body;
  body.statement(depth + 1);
  if (body.handlers === 0 || !random.chance(3)) return;
  const label = random.below(labels.length);
  body.masked(1, depth + 1);
  body.block('if', undefined, () => {
    body.op('rethrow', labels.at(-2 - label)?.caught ? label + 1 : 1);
  });
}
