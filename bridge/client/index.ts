/** The driver's side of the bridge. */
export { Worker, type Reply, type WorkerCallOptions } from './worker.ts';
export type { Hello } from './handshake.ts';
export type { WorkerOptions } from './options.ts';
export type { Statistics } from './statistics.ts';
export { hostTensor, toTypedArray, type HostTensor, type TypedArrayOf } from './tensors.ts';
