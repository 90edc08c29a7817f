/**
 * Sends numbers to a worker, computes there, keeps a result there, and writes tensors to a file.
 *
 *     npx tsx examples/talk-to-a-worker.ts
 *
 * sum of squares 30
 * kept in the worker: float32 [2, 2], 2 4 6 8
 * HANDLE_RELEASED handle: float32 [2, 2] must not be used after its release.
 * from the file: 2 4 6 8
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fromArray, loadTensors, openSession, saveTensors, SrwmError, tensorSpec, trace } from 'srwm';

const shape = { x: tensorSpec([2, 2]) };
const sumOfSquares = trace('sum_of_squares', shape, ({ x }) => ({ total: x.square().sum() }));
const twice = trace('twice', shape, ({ x }) => ({ y: x.mul(2) }));

await using session = await openSession({ device: 'cpu', threads: 1 });

// Numbers in, numbers out. The list is copied: it may change afterwards.
const x = fromArray([
  [1, 2],
  [3, 4],
]);
const { total } = await session.compute(sumOfSquares, { x });
console.log(`sum of squares ${total.item()}`);

// A handle names a tensor in the worker; only its name goes over the bridge.
const { y } = await session.keep(twice, { x });
console.log(`kept in the worker: ${y.dtype} [${y.shape.join(', ')}], ${[...(await y.toArray())].join(' ')}`);
const copy = await y.toTensor();
await y.release();
try {
  await y.toArray();
} catch (error) {
  if (error instanceof SrwmError) console.log(`${error.code} ${error.message}`);
}

// safetensors: what PyTorch and the checkpoints of runs use as well.
const folder = mkdtempSync(path.join(tmpdir(), 'srwm-tensors-'));
saveTensors(path.join(folder, 'y.safetensors'), { y: copy });
const { y: read } = loadTensors(path.join(folder, 'y.safetensors'));
console.log(`from the file: ${read?.toNumbers().join(' ')}`);
rmSync(folder, { recursive: true });
