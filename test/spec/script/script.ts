// Reads .wast scripts: a script is a list of commands, each with its line. Module text is sliced out, never looked
// into; assemble.ts turns it into bytes, and running the commands is the runner's work.
// https://github.com/WebAssembly/spec/tree/main/interpreter#scripts

import { type NanPattern, parseF32, parseF64, parseInteger } from './literals.ts';
import { type Atom, decodeUtf8, type List, type Node, parseNodes, SyntaxProblem } from './sexpr.ts';

export type ModuleSource =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary'; readonly bytes: Uint8Array }
  /** Text given as strings, so that it may be malformed, down to its UTF-8. */
  | { readonly kind: 'quote'; readonly bytes: Uint8Array };

export type LaneShape = keyof typeof laneCounts;
/** A lane is what the scalar literal of its type is: an integer (signed), or the bits of a float, or a NaN pattern. */
export type Lane = number | bigint | NanPattern;

/** Integers are signed; floats are given by their bits, as signed integers. */
export type Num =
  | { readonly type: 'i32'; readonly bits: number }
  | { readonly type: 'i64'; readonly bits: bigint }
  | { readonly type: 'f32'; readonly bits: number | NanPattern }
  | { readonly type: 'f64'; readonly bits: bigint | NanPattern };
export interface Vec {
  readonly type: 'v128';
  readonly shape: LaneShape;
  readonly lanes: readonly Lane[];
}
export type RefKind = (typeof refKinds)[number];
/**
 * `null` may name a heap type; `extern` and `host` may carry the number that the host knows the object by.
 * Without such details, and for all other kinds, any reference of the kind is meant.
 */
export interface Ref {
  readonly type: 'ref';
  readonly kind: RefKind;
  readonly heap?: string;
  readonly value?: number;
}
export type Value = Num | Vec | Ref;
export type Expected = Value | { readonly type: 'either'; readonly options: readonly Expected[] };

/** `module` is the name of an instance; without it, the last one is meant. */
export type Action =
  | { readonly kind: 'invoke'; readonly module?: string; readonly field: string; readonly args: readonly Value[] }
  | { readonly kind: 'get'; readonly module?: string; readonly field: string };

export type Command = { readonly line: number } & Verb;
type Verb =
  /** With `definition` the module is not instantiated. */
  | { readonly type: 'module'; readonly name?: string; readonly definition: boolean; readonly source: ModuleSource }
  /** Instantiates a module definition; without `module`, the last one. */
  | { readonly type: 'instance'; readonly name?: string; readonly module?: string }
  | { readonly type: 'register'; readonly as: string; readonly name?: string }
  | { readonly type: 'action'; readonly action: Action }
  | { readonly type: 'assert_return'; readonly action: Action; readonly expected: readonly Expected[] }
  | { readonly type: 'assert_trap' | 'assert_exhaustion'; readonly action: Action; readonly message: string }
  | { readonly type: 'assert_exception'; readonly action: Action }
  /** The script's `assert_trap` on a module: instantiating it traps. */
  | {
      readonly type: ModuleAssertion | 'assert_uninstantiable';
      readonly source: ModuleSource;
      readonly message: string;
    };
type ModuleAssertion = (typeof moduleAssertions)[number];

const moduleAssertions = [
  'assert_malformed',
  'assert_invalid',
  'assert_unlinkable',
  'assert_malformed_custom',
  'assert_invalid_custom',
] as const;
const refKinds = ['null', 'func', 'extern', 'host', 'any', 'eq', 'i31', 'struct', 'array', 'exn'] as const;
const laneCounts = { i8x16: 16, i16x8: 8, i32x4: 4, i64x2: 2, f32x4: 4, f64x2: 2 } as const;

/** Fields that may stand in a script without `(module …)` around them. */
const fields = new Set('type rec import func table memory global export start elem data tag'.split(' '));

/** A script that we cannot read; the message tells file and line. */
export class ScriptError extends Error {}

/** All commands of a script. `file` is for error messages. */
export function parseScript(text: string, file = 'script'): Command[] {
  try {
    return new ScriptReader(text, file).commands();
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    throw new ScriptError(`${file}:${text.slice(0, error.at).split('\n').length}: ${error.message}`);
  }
}

class ScriptReader {
  private line = 1;
  private counted = 0;

  constructor(
    private readonly text: string,
    private readonly file: string,
  ) {}

  commands(): Command[] {
    const nodes = parseNodes(this.text);
    const commands: Command[] = [];
    for (let i = 0; i < nodes.length; i++) {
      const line = this.lineOf(nodes[i] as Node);
      try {
        const first = new Args(list(nodes[i]));
        if (fields.has(first.head)) {
          const start = nodes[i]?.start;
          while (i + 1 < nodes.length && isField(nodes[i + 1])) i++;
          const text = `(module ${this.text.slice(start, nodes[i]?.end)})`;
          commands.push({ line, type: 'module', definition: false, source: { kind: 'text', text } });
        } else commands.push({ line, ...this.verb(first) });
      } catch (error) {
        throw new ScriptError(`${this.file}:${line}: ${(error as Error).message}`, { cause: error });
      }
    }
    return commands;
  }

  private lineOf(node: Node): number {
    for (; this.counted < node.start; this.counted++) if (this.text[this.counted] === '\n') this.line++;
    return this.line;
  }

  private verb(args: Args): Verb {
    switch (args.head) {
      case 'module':
        return this.module(args);
      case 'register':
        return args.done({ type: 'register', as: args.string(), ...args.id('name') });
      case 'invoke':
      case 'get':
        return { type: 'action', action: action(args) };
      case 'assert_return':
        return { type: 'assert_return', action: action(args.list()), expected: args.rest().map(expected) };
      case 'assert_exception':
        return args.done({ type: 'assert_exception', action: action(args.list()) });
      case 'assert_exhaustion':
        return args.done({ type: 'assert_exhaustion', action: action(args.list()), message: args.string() });
      case 'assert_trap':
        return this.trap(args);
      default:
        return this.moduleAssertion(args);
    }
  }

  private trap(args: Args): Verb {
    const target = args.list();
    return target.head === 'module'
      ? args.done({ type: 'assert_uninstantiable', source: this.source(target), message: args.string() })
      : args.done({ type: 'assert_trap', action: action(target), message: args.string() });
  }

  private moduleAssertion(args: Args): Verb {
    const type = moduleAssertions.find((name) => name === args.head);
    if (type === undefined) throw new Error(`unknown command ${args.head}`);
    return args.done({ type, source: this.source(args.list()), message: args.string() });
  }

  private module(args: Args): Verb {
    if (args.keyword('instance')) return args.done({ type: 'instance', ...args.id('name'), ...args.id('module') });
    return { type: 'module', ...this.moduleParts(args) };
  }

  private source(args: Args): ModuleSource {
    args.expect('module');
    return this.moduleParts(args).source;
  }

  private moduleParts(args: Args): { name?: string; definition: boolean; source: ModuleSource } {
    const definition = args.keyword('definition');
    const start = args.place;
    const parts = { definition, ...args.id('name') };
    if (args.keyword('binary')) return { ...parts, source: { kind: 'binary', bytes: args.bytes() } };
    if (args.keyword('quote')) return { ...parts, source: { kind: 'quote', bytes: args.bytes() } };
    return { ...parts, source: { kind: 'text', text: `(module ${this.text.slice(start, args.end)}` } };
  }
}

/** The items of a list after its head, taken one by one. */
class Args {
  readonly head: string;
  private next = 1;

  constructor(private readonly node: List) {
    this.head = node.items[0]?.kind === 'atom' ? node.items[0].text : '(…)';
  }

  get end(): number {
    return this.node.end;
  }
  /** Where the next item starts. */
  get place(): number {
    return this.node.items[this.next]?.start ?? this.node.end - 1;
  }

  expect(head: string): void {
    if (this.head !== head) throw new Error(`expected (${head} …), found (${this.head} …)`);
  }

  keyword(text: string): boolean {
    const node = this.node.items[this.next];
    const found = node?.kind === 'atom' && node.text === text;
    if (found) this.next++;
    return found;
  }

  /** An optional `$name`, as the property `key` if it is there. */
  id<K extends string>(key: K): { [P in K]?: string } {
    const node = this.node.items[this.next];
    if (node?.kind !== 'atom' || !node.text.startsWith('$')) return {};
    this.next++;
    return { [key]: node.text.slice(1) } as { [P in K]?: string };
  }

  atom(): string {
    return (this.take('atom') as Atom).text;
  }
  optionalAtom(): string | undefined {
    return this.next < this.node.items.length ? this.atom() : undefined;
  }
  list(): Args {
    return new Args(list(this.take('list')));
  }
  string(): string {
    const node = this.take('string');
    return node.kind === 'string' ? decodeUtf8(node.bytes) : '';
  }

  /** The bytes of all strings that are left. */
  bytes(): Uint8Array {
    const strings = this.rest().map((node) => (node.kind === 'string' ? node.bytes : mismatch('string', node)));
    return new Uint8Array(Buffer.concat(strings));
  }

  rest(): readonly Node[] {
    const rest = this.node.items.slice(this.next);
    this.next = this.node.items.length;
    return rest;
  }

  /** `result`, if nothing is left. */
  done<T>(result: T): T {
    const left = this.node.items[this.next];
    return left === undefined ? result : mismatch('end', left);
  }

  private take(kind: Node['kind']): Node {
    const node = this.node.items[this.next++];
    return node?.kind === kind ? node : mismatch(kind, node);
  }
}

function mismatch(wanted: string, node: Node | undefined): never {
  throw new Error(`expected ${wanted}, found ${node === undefined ? 'the end' : node.kind}`);
}

const list = (node: Node | undefined): List => (node?.kind === 'list' ? node : mismatch('list', node));
const isField = (node: Node | undefined): boolean => node?.kind === 'list' && fields.has(new Args(node).head);

function action(args: Args): Action {
  const target = { ...args.id('module'), field: args.string() };
  if (args.head === 'get') return args.done({ kind: 'get', ...target });
  args.expect('invoke');
  return { kind: 'invoke', ...target, args: args.rest().map((node) => value(new Args(list(node)))) };
}

function expected(node: Node): Expected {
  const args = new Args(list(node));
  return args.head === 'either' ? { type: 'either', options: args.rest().map(expected) } : value(args);
}

function value(args: Args): Value {
  switch (args.head) {
    case 'i32.const':
      return args.done({ type: 'i32', bits: Number(parseInteger(args.atom(), 32)) });
    case 'i64.const':
      return args.done({ type: 'i64', bits: parseInteger(args.atom(), 64) });
    case 'f32.const':
      return args.done({ type: 'f32', bits: floatOrNan(args.atom(), parseF32) });
    case 'f64.const':
      return args.done({ type: 'f64', bits: floatOrNan(args.atom(), parseF64) });
    case 'v128.const':
      return vector(args);
    default:
      return args.done(reference(args));
  }
}

function floatOrNan<T>(text: string, parse: (text: string) => T): T | NanPattern {
  return text === 'nan:canonical' || text === 'nan:arithmetic' ? text : parse(text);
}

const laneParsers: Record<LaneShape, (text: string) => Lane> = {
  i8x16: (text) => Number(parseInteger(text, 8)),
  i16x8: (text) => Number(parseInteger(text, 16)),
  i32x4: (text) => Number(parseInteger(text, 32)),
  i64x2: (text) => parseInteger(text, 64),
  f32x4: (text) => floatOrNan(text, parseF32),
  f64x2: (text) => floatOrNan(text, parseF64),
};

function vector(args: Args): Vec {
  const shape = args.atom() as LaneShape;
  if (!Object.hasOwn(laneCounts, shape)) throw new Error(`unknown shape ${shape}`);
  const lanes = Array.from({ length: laneCounts[shape] }, () => laneParsers[shape](args.atom()));
  return args.done({ type: 'v128', shape, lanes });
}

function reference(args: Args): Ref {
  const kind = refKinds.find((name) => args.head === `ref.${name}`);
  if (kind === undefined) throw new Error(`unknown value ${args.head}`);
  const detail = args.optionalAtom();
  if (detail === undefined) return { type: 'ref', kind };
  return kind === 'null'
    ? { type: 'ref', kind, heap: detail }
    : { type: 'ref', kind, value: Number(parseInteger(detail, 32)) };
}
