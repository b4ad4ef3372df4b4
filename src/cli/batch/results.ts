// The file of `batch --output`: a line of JSON for each job that has ended, as soon as it has. It is the batch's memory,
// too: `--resume` leaves out the jobs whose results are in it. A line is written in one go, so a process that is killed
// leaves at most one that has no end, which is cut off. Each line has the key of its job, so that results are not taken
// for those of another jobs file.

import { closeSync, fsyncSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import { mostThreads } from '../../pool/told/stats.ts';
import { UsageError } from '../../spec/errors.ts';
import { linesOf } from '../read/lines.ts';
import { fileError, OutputError, systemReason } from '../told/exit.ts';
import { type JobLine, jobKey } from './jobs.ts';

/** 64-bit keys by index, 0 where there is none. */
class Keys {
  private keys = new BigUint64Array(1024);
  size = 0;

  has(index: number): boolean {
    return this.at(index) !== 0n;
  }
  at(index: number): bigint {
    return this.keys[index] ?? 0n;
  }
  set(index: number, key: bigint): void {
    if (index >= this.keys.length) {
      const longer = new BigUint64Array(2 * index);
      longer.set(this.keys);
      this.keys = longer;
    }
    this.keys[index] = key;
    this.size++;
  }
}

/** A key that is not 0. */
const numberOf = (key: string): bigint => BigInt(`0x${key}`) || 1n;

export class Results {
  private constructor(
    private readonly path: string,
    private readonly file: number,
    private readonly known: Keys,
    /** Of what is whole. */
    private size: number,
  ) {}

  /** Throws UsageError: for a file that has something in it already, unless that is to be gone on with. */
  static async open(path: string, resume: boolean): Promise<Results> {
    const found = sizeOf(path);
    if (found > 0 && !resume)
      throw new UsageError(
        `${path} has something in it already: --resume goes on with a batch whose results these are`,
      );
    const known = new Keys();
    const size = found > 0 ? await readResults(path, known) : 0;
    try {
      const file = openSync(path, 'a');
      if (size < found) ftruncateSync(file, size);
      return new Results(path, file, known, size);
    } catch (cause) {
      throw fileError('write', path, cause);
    }
  }

  /** How many there were. */
  get before(): number {
    return this.known.size;
  }

  /** Whether the job's result is there. Throws UsageError where it is that of another job. */
  has({ index, line, text }: JobLine): boolean {
    if (!this.known.has(index)) return false;
    if (this.known.at(index) === numberOf(jobKey(text))) return true;
    throw new UsageError(
      `line ${line} is not the job whose result is in ${this.path}: it has changed, or is of another batch`,
    );
  }

  /** Throws OutputError; the file then is as it was. */
  write(job: JobLine, result: object, toJson: (data: object) => string): void {
    const bytes = Buffer.from(`${toJson({ index: job.index, job: jobKey(job.text), ...result })}\n`);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
      this.size += bytes.length;
    } catch (cause) {
      this.cut();
      throw new OutputError(`cannot write ${this.path}: ${systemReason(cause) ?? String(cause)}`, { cause });
    }
  }

  /** Leaves no half of a line. If that fails, too, whoever goes on does it. */
  private cut(): void {
    try {
      ftruncateSync(this.file, this.size);
    } catch {}
  }

  close(): void {
    try {
      fsyncSync(this.file);
    } catch {}
    closeSync(this.file);
  }
}

function sizeOf(path: string): number {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined && !found.isFile()) throw new UsageError(`${path} is no file`);
    return found?.size ?? 0;
  } catch (cause) {
    throw fileError('write', path, cause);
  }
}

/** Returns the size of what is whole. */
async function readResults(path: string, known: Keys): Promise<number> {
  let [size, line] = [0, 0];
  for await (const { text, ended } of linesOf(path)) {
    if (!ended) break;
    line++;
    const { index, job } = parsed(text);
    // Jobs begin in turn, and only so many are under way.
    const most = line + mostThreads;
    if (!Number.isInteger(index) || index < 0 || index >= most || !/^[0-9a-f]{16}$/.test(job))
      throw new UsageError(`${path}, line ${line}: not the result of a batch`);
    if (known.has(index)) throw new UsageError(`${path}, line ${line}: a second result of job ${index}`);
    known.set(index, numberOf(job));
    size += Buffer.byteLength(text) + 1;
  }
  return size;
}

function parsed(text: string): { index: number; job: string } {
  try {
    const { index, job } = Object(JSON.parse(text)) as { index?: unknown; job?: unknown };
    return { index: typeof index === 'number' ? index : -1, job: String(job) };
  } catch {
    return { index: -1, job: '' };
  }
}
