/** Memory of the worker that large tensors are written into: they reach torch without a socket and a second copy. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { ArenaPlace } from '../protocol/control.ts';
import { invalidMessage } from './failures.ts';
import { Mapping } from './mapping.ts';

/** Each place has its first page to itself; the first page of all holds the token. */
const PAGE_BYTES = 4096;
/**
 * Where in its page a place begins: as far in as malloc puts a large block, so that a page here is written from one page
 * there. It takes an eighth off the time, and is a multiple of every element.
 */
const LEAD_BYTES = 16;

interface Block {
  readonly start: number;
  readonly end: number;
}

/** Hands out places of one arena and takes them back when the worker says that their tensors are gone. */
export class Arena {
  readonly #fd: number;
  readonly #size: number;
  /** The same memory as bytes of this process; null where they cannot be had, then every write is a system call. */
  readonly #mapping: Mapping | null;
  /** Pages below it exist. A new page comes by `write`, which says when there is none; a store would end the process. */
  #pagesEnd = PAGE_BYTES;
  /** In use, by address. */
  readonly #blocks: Block[] = [];
  readonly #note: (line: string) => void;
  #isBroken = false;
  #isClosed = false;
  #wasFull = false;

  private constructor(fd: number, size: number, mapping: Mapping | null, note: (line: string) => void) {
    this.#fd = fd;
    this.#size = size;
    this.#mapping = mapping;
    this.#note = note;
  }

  /** The arena of the process `pid`; null where there is none, or where it is out of reach, as in another container. */
  static open(
    pid: number,
    place: ArenaPlace | null,
    token: string,
    note: (line: string) => void,
  ): Arena | null {
    if (place === null) return null;
    let fd: number | null = null;
    try {
      fd = openSync(`/proc/${pid}/fd/${place.fd}`, 'r+');
      const head = Buffer.alloc(token.length);
      readSync(fd, head, 0, head.length, 0);
      if (head.toString('latin1') === token)
        return new Arena(fd, place.size, mapped(fd, place.size, note), note);
      note(
        'bridge: the memory of the worker is out of reach; large tensors travel as frames, which takes longer.',
      );
    } catch (error) {
      note(
        `bridge: the memory of the worker cannot be opened (${String(error)}); large tensors travel as frames, which takes longer.`,
      );
    }
    if (fd !== null) closeSync(fd);
    return null;
  }

  /** Copies bytes into a free place and returns its offset; null where there is none, which the log says once. */
  write(bytes: Uint8Array): number | null {
    const start = this.#isBroken ? null : this.#take(bytes.byteLength);
    if (start === null) return null;
    try {
      let done = this.#store(bytes, start);
      while (done < bytes.byteLength) {
        done += writeSync(this.#fd, bytes, done, bytes.byteLength - done, start + done);
      }
      this.#pagesEnd = Math.max(this.#pagesEnd, pageEnd(start + done));
      return start;
    } catch (error) {
      // No memory is left: a page that cannot be had now must not cost the run.
      this.free([start]);
      this.#isBroken = true;
      this.#note(
        `bridge: the memory of the worker cannot be written (${String(error)}); large tensors travel as frames, which takes longer.`,
      );
      return null;
    }
  }

  /** Copies as many bytes as fall on pages that exist, and says how many: a third of what `write` takes. */
  #store(bytes: Uint8Array, start: number): number {
    if (this.#mapping === null) return 0;
    const count = Math.min(bytes.byteLength, Math.max(0, this.#pagesEnd - start));
    this.#mapping.bytes.set(count === bytes.byteLength ? bytes : bytes.subarray(0, count), start);
    return count;
  }

  /** Throws PROTOCOL_HEADER for a place that nobody has. */
  free(offsets: readonly number[]): void {
    for (const offset of offsets) {
      const index = this.#blocks.findIndex(({ start }) => start === offset);
      if (index < 0) throw invalidMessage('freed', `${offset}, which is no place in use`);
      this.#blocks.splice(index, 1);
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isBroken = this.#isClosed = true;
    this.#mapping?.close();
    closeSync(this.#fd);
  }

  /** The first gap that is wide enough: what is used again soon is still in the processor's caches. */
  #take(size: number): number | null {
    let start = PAGE_BYTES + LEAD_BYTES;
    let index = 0;
    for (; index < this.#blocks.length; index++) {
      const block = this.#blocks[index] as Block;
      if (block.start - start >= size) break;
      start = pageEnd(block.end) + LEAD_BYTES;
    }
    if (start + size > this.#size) {
      if (!this.#wasFull) {
        this.#note(
          `bridge: ${this.#size} bytes of the worker's memory are in use; tensors beyond them travel as frames.`,
        );
      }
      this.#wasFull = true;
      return null;
    }
    this.#blocks.splice(index, 0, { start, end: start + size });
    return start;
  }
}

/** The first page border at or behind an address. */
function pageEnd(address: number): number {
  return Math.ceil(address / PAGE_BYTES) * PAGE_BYTES;
}

/** The memory as bytes; null, with a line in the log, where it cannot be mapped. */
function mapped(fd: number, size: number, note: (line: string) => void): Mapping | null {
  try {
    return Mapping.of(fd, size);
  } catch (error) {
    note(
      `bridge: the memory of the worker cannot be mapped (${String(error)}); large tensors are written to it, which takes longer.`,
    );
    return null;
  }
}
