/** Shared memory as bytes of this process, which Node cannot do by itself. */
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

// Of Linux, whatever the processor; other systems have no memory without a name and never come here.
const READ_WRITE = 3;
const SHARED = 1;
const FAILED = 2n ** 64n - 1n;

export class Mapping {
  /** What is written here is in the memory at once. Not to be touched after `close`: that would end the process. */
  readonly bytes: Uint8Array;
  readonly #unmap: () => void;

  private constructor(bytes: Uint8Array, unmap: () => void) {
    this.bytes = bytes;
    this.#unmap = unmap;
  }

  /** The first `size` bytes of an open file. Throws where the system refuses, or koffi has no build for it. */
  static of(fd: number, size: number): Mapping {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    const libc = koffi.load(null);
    const mmap = libc.func('void *mmap(void *, size_t, int, int, int, long)');
    const munmap = libc.func('int munmap(void *, size_t)');
    const place: unknown = mmap(null, size, READ_WRITE, SHARED, fd, 0);
    if (koffi.address(place) === FAILED) throw new Error(`mmap of ${size} bytes must succeed`);
    return new Mapping(new Uint8Array(koffi.view(place, size)), () => void munmap(place, size));
  }

  close(): void {
    this.#unmap();
  }
}
