/** A tensor that stays in the worker. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { TypedArrayOf } from '../../bridge/client/index.ts';
import { HostArray } from './host-array.ts';
import type { Session } from './session.ts';

type Dtype = HostArray['dtype'];

/**
 * The name of a tensor in the worker's memory. Give it to `compute` in place of numbers; release it after its last
 * use, or write `await using`.
 */
export class TensorHandle<out D extends Dtype = Dtype> implements AsyncDisposable {
  readonly shape: readonly number[];
  readonly dtype: D;
  readonly #session: Session;
  readonly #id: string;
  #isReleased = false;

  constructor(
    session: Session,
    id: string,
    { shape, dtype }: { readonly shape: readonly number[]; readonly dtype: D },
  ) {
    this.#session = session;
    this.#id = id;
    this.shape = shape;
    this.dtype = dtype;
  }

  /** @throws SrwmError HANDLE_RELEASED */
  get id(): string {
    if (!this.#isReleased) return this.#id;
    throw new SrwmError(
      'HANDLE_RELEASED',
      `handle: ${this.dtype} [${this.shape.join(', ')}] must not be used after its release.`,
    );
  }

  /** Fetches the tensor. @throws SrwmError HANDLE_RELEASED, WORKER_CLOSED */
  async toTensor(): Promise<HostArray<D>> {
    const body = { handles: [this.id], set: null, parameters: [] };
    const [tensor] = (await this.#session.exchange('get', body)).tensors;
    if (tensor === undefined) throw new Error('internal: get returned no tensor');
    return new HostArray({ ...tensor, dtype: this.dtype });
  }

  /** Fetches the elements in C order. @throws SrwmError HANDLE_RELEASED, WORKER_CLOSED */
  async toArray(): Promise<TypedArrayOf<D>> {
    return (await this.toTensor()).toArray();
  }

  /** Frees the worker's memory; a second time does nothing. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    await this.#session.call('release', { handles: [this.#id] });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
