/** Every request of a run, as it goes to the worker, and its form for people. */
import { vi } from 'vitest';
import { Worker, type HostTensor } from '../../../bridge/client/index.ts';
import type { ResolvedConfig } from '../../../src/config/index.ts';
import type { Graph } from '../../../src/graph/index.ts';
import { startRun } from '../../../src/runs/index.ts';
import type { OwnParts } from '../../../src/train/index.ts';
import { places } from './run-fixture.ts';

/** One request; the folder of the run, which no two runs share, reads `<run>`. */
export interface Request {
  readonly verb: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Dtype, shape and bytes of each tensor that goes with it. */
  readonly tensors: readonly string[];
}

/** Trains in `folder` and returns what the worker was asked, in order. */
export async function requestsOf(
  { config, sources }: ResolvedConfig,
  folder: string,
  own: OwnParts = {},
): Promise<Request[]> {
  const requests: Request[] = [];
  const call = Worker.prototype.call;
  const spy = vi.spyOn(Worker.prototype, 'call').mockImplementation(function (
    this: Worker,
    ...[verb, body, options]
  ) {
    const reply = call.call(this, verb, body, options);
    requests.push({
      verb,
      body: copyOf(body, folder) as Request['body'],
      tensors: (options?.tensors ?? []).map(shownTensor),
    });
    return reply;
  });
  try {
    const stop = new AbortController().signal;
    for await (const _ of startRun({ config, sources }, 'tiny', { folder, places, stop, own }));
    return requests;
  } finally {
    spy.mockRestore();
  }
}

/** As it was when it was sent: a body may share objects with its sender. */
function copyOf(value: unknown, folder: string): unknown {
  if (typeof value === 'string') return value.replaceAll(folder, '<run>');
  if (Array.isArray(value)) return value.map((one) => copyOf(one, folder));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, copyOf(one, folder)]));
}

function shownTensor({ dtype, shape, data }: HostTensor): string {
  return `${dtype}[${shape.join(',')}] ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')}`;
}

/** A verb a paragraph, a key a line; a graph is shown by its name, its size and its hash, which its nodes decide. */
export function textOf(requests: readonly Request[]): string {
  const names = new Map<unknown, string>();
  const paragraphs = requests.map(({ verb, body, tensors }) => {
    if (verb === 'load_graph') {
      const { name, nodes } = body['graph'] as Graph['spec'];
      names.set(body['hash'], name);
      return `${verb}\n  ${name}: ${nodes.length} nodes, hash ${String(body['hash'])}`;
    }
    const lines = Object.entries(body).map(([key, value]) => `${key}: ${names.get(value) ?? shown(value)}`);
    return [verb, ...lines, ...tensors.map((one) => `tensor: ${one}`)].join('\n  ');
  });
  return `${paragraphs.join('\n')}\n`;
}

/** Random keys are 64 bits, which JSON does not know. */
function shown(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `key ${one}` : one));
}
