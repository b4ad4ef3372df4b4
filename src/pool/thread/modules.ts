// Modules that a thread holds, and what it has compiled of them. The main thread keeps the books, and says what to forget.

import { moduleFrom } from '../../rewrite/module/code-cache.ts';
import { adopt, compiledOf } from '../../rewrite/module/module.ts';
import { Module } from '../../runtime/module/module.ts';
import { CrashError } from '../../spec/errors.ts';
import type { CodeParcel, ModuleParcel, Order } from '../told/protocol.ts';

/** By hash; as they came until they are decoded, which may fail. */
const modules = new Map<string, Module | Given>();
type Given = Pick<ModuleParcel, 'codes'> & { readonly bytes: Uint8Array };
type Sent = Pick<Order, 'modules' | 'forget'>;

/** The modules of the order. Throws MalformedError, InvalidError. */
export function learn(order: Sent): Module[] {
  hold(order);
  return order.modules.map((parcel) => held(parcel));
}

/** Keeps what the order brings, as it is. */
export function hold(order: Sent): void {
  for (const hash of order.forget) for (const each of [modules, codes]) each.delete(hash);
  for (const { hash, bytes, codes } of order.modules)
    if (bytes !== undefined) modules.set(hash, codes === undefined ? { bytes } : { bytes, codes });
}

/** A module that an order brings, or has brought. Throws MalformedError, InvalidError. */
export function held({ hash, code }: ModuleParcel): Module {
  const sent = modules.get(hash);
  if (sent === undefined) throw new CrashError(`module ${hash} was never sent`);
  const known = sent instanceof Module ? sent : made(sent, hash);
  modules.set(hash, known);
  if (code !== undefined) adopt(known, code);
  if (code !== undefined) codes.set(hash, code.size);
  return known;
}

/** What the main thread has validated need not be again. */
const made = ({ bytes, codes }: Given, hash: string): Module =>
  codes === undefined ? moduleFrom(bytes, hash) : Module.received(bytes, { hash, codes });

/** How many forms of a module's native code the main thread has, by the module's hash. */
const codes = new Map<string, number>();

/** What has been compiled and the main thread does not have yet. */
export function newCode(order: Pick<Order, 'modules'>): CodeParcel[] {
  return order.modules.flatMap(({ hash }) => {
    const module = modules.get(hash);
    const code = module instanceof Module ? compiledOf(module) : undefined;
    if (code === undefined || code.size === codes.get(hash)) return [];
    codes.set(hash, code.size);
    return [{ hash, code }];
  });
}
