/** A Python program of `bench/drivers` as a process: it times both sides itself and answers with JSON. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import path from 'node:path';
import { z } from 'zod';
import { workerEnvironment } from '../bridge/client/options.ts';
import { LogTail } from '../bridge/client/log-tail.ts';
import type { Bench } from './bench.ts';

type Place = Pick<Bench, 'places' | 'programs' | 'threads' | 'signal'>;

const answerSchema = z.union([z.object({ result: z.unknown() }), z.object({ error: z.string() })]);

export class Driver implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #answers: AsyncIterator<string>;
  readonly #log = new LogTail(null, undefined);
  readonly #name: string;
  readonly #signal: AbortSignal;

  private constructor(
    name: string,
    child: ChildProcessByStdio<Writable, Readable, Readable>,
    signal: AbortSignal,
  ) {
    this.#name = name;
    this.#signal = signal;
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    createInterface({ input: child.stderr }).on('line', (line) => this.#log.add(line));
    // A program that dies is noticed by the end of its answers.
    child.stdin.on('error', () => undefined);
  }

  /** Starts `python -m drivers.<name>`. */
  static start(name: string, place: Place): Driver {
    return new Driver(name, startPython([`drivers.${name}`], place), place.signal);
  }

  /** Sends one command and returns its checked answer. Throws with the Python traceback where it failed. */
  async call<T>(
    schema: z.ZodType<T>,
    command: string,
    parameters: Readonly<Record<string, unknown>> = {},
  ): Promise<T> {
    this.#child.stdin.write(`${JSON.stringify({ command, arguments: parameters })}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) {
      this.#signal.throwIfAborted();
      throw new Error(`drivers.${this.#name} ended at "${command}": ${this.#log.lines.join('\n')}`);
    }
    const answer = answerSchema.parse(JSON.parse(value));
    if ('error' in answer) throw new Error(`drivers.${this.#name} failed at "${command}": ${answer.error}`);
    return schema.parse(answer.result);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    await this.#log.close();
  }
}

/** Starts `python -m <module> <args>` with exactly the environment of a worker. */
export function startPython(
  words: readonly string[],
  { places, programs, threads, signal }: Place,
): ChildProcessByStdio<Writable, Readable, Readable> {
  const environment = workerEnvironment(
    {
      ...places,
      // The programs import each other and the worker's modules, and nothing else of the repository.
      pythonPath: [places.pythonPath, programs].join(path.delimiter),
      threads,
      arenaBytes: 0,
      logFile: null,
      startTimeoutMs: 0,
      pingIntervalMs: 0,
      hungAfterMs: 0,
      stopGraceMs: 0,
    },
    {},
  );
  const child = spawn(places.python, ['-m', ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    signal,
    killSignal: 'SIGKILL',
  });
  // An abort is told here too; whoever waits for an answer sees the end of them, and why.
  child.on('error', () => undefined);
  return child;
}

export const pairSchema = z.object({ ours: z.number(), rival: z.number() });
