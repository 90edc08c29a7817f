/** What the worker prints: the last lines in memory, all of it in a file when one is named. */
import { createWriteStream, type WriteStream } from 'node:fs';

const KEPT_LINES = 200;

export class LogTail {
  readonly #lines: string[] = [];
  readonly #file: WriteStream | null;
  readonly #onLine: ((line: string) => void) | undefined;

  constructor(logFile: string | null, onLine: ((line: string) => void) | undefined) {
    this.#file = logFile === null ? null : createWriteStream(logFile, { flags: 'a' });
    // A full disk must not end a run that only wanted to keep a log.
    this.#file?.on('error', (error) =>
      this.#keep(`log file ${logFile ?? ''} cannot be written: ${error.message}`),
    );
    this.#onLine = onLine;
  }

  add(line: string): void {
    this.#keep(line);
    this.#file?.write(`${line}\n`);
    this.#onLine?.(line);
  }

  get lines(): readonly string[] {
    return [...this.#lines];
  }

  async close(): Promise<void> {
    const file = this.#file;
    if (file === null || file.destroyed) return;
    await new Promise<void>((resolve) => file.once('close', resolve).end());
  }

  #keep(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }
}
