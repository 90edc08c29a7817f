/** Encoded messages that both test suites read: the same bytes must mean the same on both sides. */
import { encodeHeader } from './codec.ts';
import { encodePreamble, kinds, type Kind } from './frames.ts';

/** JSON has no BigInt and no NaN: golden values write them as `{"$int": "5"}` and `{"$float": "nan"}`. */
type GoldenValue = unknown;

export interface GoldenVector {
  readonly name: string;
  readonly value: GoldenValue;
  /** What TypeScript sends. */
  readonly hex: string;
  /** What Python sends for the same value, where it differs. */
  readonly python_hex: string;
}

export interface GoldenMessage {
  readonly name: string;
  readonly kind: Kind;
  readonly kind_number: number;
  readonly epoch: number;
  readonly header: GoldenValue;
  readonly frames: readonly string[];
}

const values: readonly (readonly [name: string, value: unknown, pythonHex?: string])[] = [
  ['nil', null],
  ['booleans', [true, false]],
  ['small integers', [0, 1, 127, 128, 255, 256, 65535, 65536, 4294967295]],
  ['negative integers', [-1, -32, -33, -128, -129, -32768, -32769, -2147483648]],
  ['integer past 32 bits', 1099511627776, 'cf0000010000000000'],
  ['negative integer past 32 bits', -1099511627776],
  ['largest safe integer', 9007199254740991, 'cf001fffffffffffff'],
  ['small key', 5n, '05'],
  ['largest signed key', 9223372036854775807n, 'cf7fffffffffffffff'],
  ['largest key', 18446744073709551615n],
  ['fractions', [0.5, -0.1, 1e-300, 1.7976931348623157e308]],
  ['not finite', [NaN, Infinity, -Infinity]],
  ['empty text', ''],
  ['text', 'srwm β 雪 🐍'],
  ['text of 31 bytes', 'a'.repeat(31)],
  ['text of 32 bytes', 'a'.repeat(32)],
  ['text of 300 bytes', 'a'.repeat(300)],
  ['empty containers', { list: [], map: {} }],
  ['list of 16', Array.from({ length: 16 }, (_, index) => index)],
  ['map of 17', Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, index]))],
];

const body = {
  hash: 'h',
  graph: { version: 1, name: 'g', inputs: [], parameters: [], outputs: [], locs: [] },
};
const node = {
  op: 'aten.relu.default',
  inputs: [0],
  attrs: { dim: 1, alpha: 0.5, sizes: [2, 3], names: ['a'], flag: true, none: null, text: 't' },
  results: [{ shape: [2, 3], dtype: 'float32' }],
  loc: 0,
  scope: 'policy/torso',
  body: null,
};
const scan = { ...node, op: 'scan', attrs: {}, body: { ...body.graph, nodes: [node] } };

const messages: readonly (readonly [
  name: string,
  kind: Kind,
  header: object,
  tensors?: readonly Buffer[],
])[] = [
  ['ping', 'PING', { sequence: 7 }],
  ['pong', 'PONG', { sequence: 7, request: 3, phase: 'collect', progress: 12, busy_seconds: 0.25 }],
  ['idle pong', 'PONG', { sequence: 8, request: null, phase: 'idle', progress: 12, busy_seconds: 0.5 }],
  ['cancel', 'CANCEL', { request: 3 }],
  ['shutdown', 'SHUTDOWN', {}],
  [
    'load_graph with a scan',
    'REQUEST',
    {
      id: 1,
      verb: 'load_graph',
      deadline_ms: 2500,
      body: { ...body, graph: { ...body.graph, nodes: [node, scan] } },
      tensors: [],
    },
  ],
  [
    'digest on the act lane',
    'REQUEST',
    { id: 2, verb: 'digest', lane: 'act', deadline_ms: null, body: { set: 'agent' }, tensors: [] },
  ],
  [
    'run with every binding',
    'REQUEST',
    {
      id: 2,
      verb: 'run',
      deadline_ms: null,
      body: {
        graph: 'h',
        set: null,
        inputs: {
          a: { kind: 'handle', id: 'x' },
          b: { kind: 'frame', index: 0 },
          k: { kind: 'key', value: 18446744073709551615n },
        },
        store: {},
        fetch: ['y'],
      },
      tensors: [{ dtype: 'float32', shape: [2], offset: null }],
    },
    [Buffer.from(new Float32Array([1.5, NaN]).buffer)],
  ],
  [
    'put of a tensor in the arena and one in a frame',
    'REQUEST',
    {
      id: 5,
      verb: 'put',
      deadline_ms: null,
      body: { handles: ['large', 'small'] },
      tensors: [
        { dtype: 'uint8', shape: [1048576], offset: 4112 },
        { dtype: 'bool', shape: [1], offset: null },
      ],
    },
    [Buffer.from([1])],
  ],
  [
    'reply with an empty and a 0-d tensor',
    'REPLY',
    {
      id: 2,
      body: { seconds: 0.125 },
      tensors: [
        { dtype: 'uint8', shape: [0, 4] },
        { dtype: 'bool', shape: [] },
      ],
      freed: [],
      worker_seconds: 0.5,
    },
    [Buffer.alloc(0), Buffer.from([1])],
  ],
  [
    'profile_end with a node in a body',
    'REPLY',
    {
      id: 3,
      body: {
        nodes: [{ graph: 'h', path: [4, 0], forward_seconds: 0.5, backward_seconds: 0.25, calls: 20 }],
        others: [{ name: 'torch::autograd::AccumulateGrad', seconds: 0.125, calls: 7 }],
      },
      tensors: [],
      freed: [4112, 1056784],
      worker_seconds: 1.5,
    },
  ],
  [
    'error',
    'ERROR',
    {
      id: 4,
      error: {
        code: 'GRAPH_FAILED',
        message: 'run: node 3 failed.',
        remedy: 'Look.',
        graph: 'h',
        node: 3,
        traceback: 'Traceback ...',
        fatal: false,
      },
      freed: [],
      worker_seconds: 0.5,
    },
  ],
];

/** Contents of `bridge/protocol/golden/*.json`, by file name. */
export function goldenFiles(): { values: GoldenVector[]; messages: GoldenMessage[] } {
  const epoch = 0x01020304;
  return {
    values: values.map(([name, value, pythonHex]) => {
      const hex = encodeHeader({ value }).subarray(7).toString('hex');
      return { name, value: toGolden(value), hex, python_hex: pythonHex ?? hex };
    }),
    messages: messages.map(([name, kind, header, tensors = []]) => ({
      name,
      kind,
      kind_number: kinds[kind],
      epoch,
      header: toGolden(header),
      frames: [
        encodePreamble({ kind, epoch, frames: 2 + tensors.length }),
        encodeHeader(header),
        ...tensors,
      ].map((frame) => frame.toString('hex')),
    })),
  };
}

function toGolden(value: unknown): GoldenValue {
  if (typeof value === 'bigint') return { $int: String(value) };
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return { $float: String(value).replace('Infinity', 'inf').replace('NaN', 'nan') };
  }
  if (Array.isArray(value)) return value.map(toGolden);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toGolden(item)]));
}

/** The value behind a golden value. */
export function fromGolden(value: GoldenValue): unknown {
  if (Array.isArray(value)) return value.map(fromGolden);
  if (typeof value !== 'object' || value === null) return value;
  if ('$int' in value) return BigInt(String(value.$int));
  if ('$float' in value) return Number(String(value.$float).replace('inf', 'Infinity'));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromGolden(item)]));
}
