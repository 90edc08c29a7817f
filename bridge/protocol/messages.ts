/** Every message of the `work` channel, once: request body and reply body of each verb. */
import { z } from 'zod';
import { realSchema } from './real.ts';
import { graphSpecSchema, namedValueSchema } from './graph-spec.ts';
import { bindings, id } from './binding.ts';
import { filmVerbs } from './film-messages.ts';
import { poolVerbs } from './pool-messages.ts';
import { empty, seconds } from './bodies.ts';

export { bindingSchema, type Binding } from './binding.ts';
export {
  episodeSchema,
  poolSpecSchema,
  type EnvFault,
  type Episode,
  type PoolSpec,
} from './pool-messages.ts';

export const optimizerSchema = z
  .discriminatedUnion('kind', [
    z
      .strictObject({
        kind: z.literal('rmsprop'),
        alpha: z.number(),
        epsilon: z.number(),
        momentum: z.number(),
        centered: z.boolean(),
        weight_decay: z.number(),
      })
      .meta({ id: 'Rmsprop' }),
    z
      .strictObject({
        kind: z.literal('adam'),
        beta1: z.number(),
        beta2: z.number(),
        epsilon: z.number(),
        weight_decay: z.number(),
      })
      .meta({ id: 'Adam' }),
  ])
  .meta({ id: 'OptimizerSpec' });
export type OptimizerSpec = z.infer<typeof optimizerSchema>;

/** Which implementation serves an op of a graph on this worker, and why. */
export const kernelUseSchema = z
  .strictObject({ op: z.string(), implementation: z.string(), reason: z.string() })
  .meta({
    id: 'KernelUse',
    description: 'What dispatch chose for the recurrences or convolutions of a graph.',
  });
export type KernelUse = z.infer<typeof kernelUseSchema>;

/** What one node of a graph took during a profile. */
export const nodeTimeSchema = z
  .strictObject({
    graph: z.string(),
    /** Its index, behind the indices of the nodes whose bodies hold it, outermost first. */
    path: z.array(z.int().min(0)).min(1),
    forward_seconds: seconds,
    backward_seconds: seconds,
    calls: z.int().min(0),
  })
  .meta({ id: 'NodeTime', description: 'Time of a node, without that of nodes inside it.' });
export type NodeTime = z.infer<typeof nodeTimeSchema>;

/** Backward steps that no node made. */
export const otherTimeSchema = z
  .strictObject({ name: z.string(), seconds, calls: z.int().min(0) })
  .meta({ id: 'OtherTime', description: "Steps of a backward pass without a node, by torch's name." });
export type OtherTime = z.infer<typeof otherTimeSchema>;

const savedFile = z
  .strictObject({ name: z.string(), bytes: z.int().min(0), sha256: z.string() })
  .meta({ id: 'SavedFile' });

/**
 * The one table of verbs. A new verb is one entry here, one handler in `bridge/worker/handlers`.
 */
export const verbs = {
  configure: {
    /** `tf32`: whether a GPU may multiply float32 with 10 bits of precision; left out on a CPU, which cannot. */
    request: z.strictObject({ device: z.string(), tf32: z.boolean().optional() }).meta({
      id: 'Configure',
      description: 'Chooses the device of everything that follows: cpu or cuda:N.',
    }),
    reply: empty('ConfigureReply', 'Done.'),
  },
  load_graph: {
    request: z
      .strictObject({ hash: id, graph: graphSpecSchema })
      .meta({ id: 'LoadGraph', description: 'Builds a graph once; later requests name it by hash.' }),
    reply: z
      .strictObject({ cached: z.boolean(), build_seconds: seconds, kernels: z.array(kernelUseSchema) })
      .meta({ id: 'LoadGraphReply' }),
  },
  create_parameters: {
    request: z.strictObject({ set: id, graph: id, inputs: bindings }).meta({
      id: 'CreateParameters',
      description: 'Runs an initialisation graph; its outputs become the parameters of `set`.',
    }),
    reply: z.strictObject({ parameters: z.array(namedValueSchema) }).meta({ id: 'CreateParametersReply' }),
  },
  create_optimizer: {
    request: z.strictObject({ optimizer: id, set: id, algorithm: optimizerSchema }).meta({
      id: 'CreateOptimizer',
      description: 'A torch.optim optimizer over every parameter of `set`, at version 0.',
    }),
    reply: empty('CreateOptimizerReply', 'Done.'),
  },
  ...filmVerbs,
  ...poolVerbs,
  accumulate: {
    request: z
      .strictObject({
        graph: id,
        optimizer: id,
        inputs: bindings,
        loss: z.string(),
        report: z.array(z.string()),
        /** Outputs that stay in the worker, by the handles that they get. */
        store: z.record(z.string(), id).optional(),
      })
      .meta({
        id: 'Accumulate',
        description: 'Forward and backward of `loss`; gradients add up until `apply`.',
      }),
    reply: z
      .strictObject({ values: z.record(z.string(), realSchema), seconds })
      .meta({ id: 'AccumulateReply' }),
  },
  apply: {
    request: z
      .strictObject({
        optimizer: id,
        expected_version: z.int().min(0),
        learning_rate: z.number(),
        max_grad_norm: z.number().nullable(),
        /** A graph from gradients to gradients, inputs and outputs named as the parameters; null = none. */
        transform: id.nullable(),
        inputs: bindings,
      })
      .meta({
        id: 'Apply',
        description: 'Transform, clip by global norm, optimizer step. A non-finite norm skips the step.',
      }),
    reply: z
      .strictObject({ version: z.int().min(0), grad_norm: realSchema, finite: z.boolean(), seconds })
      .meta({ id: 'ApplyReply' }),
  },
  assign: {
    request: z
      .strictObject({
        into: id,
        set: id,
        /** Reads the parameters of `set`; null = the parameters as they are. */
        graph: id.nullable(),
        inputs: bindings,
        /** What `collect` then knows the parameters of `into` as; null = they keep their version. */
        version: z.int().min(0).nullable(),
      })
      .meta({
        id: 'Assign',
        description:
          'Copies parameters, or what a graph makes of them, into those of `into` of the same names.',
      }),
    reply: z.strictObject({ seconds }).meta({ id: 'AssignReply' }),
  },
  run: {
    request: z
      .strictObject({
        graph: id,
        set: id.nullable(),
        inputs: bindings,
        /** Output name to handle. */
        store: z.record(z.string(), id),
        /** Outputs that come back as tensor frames, in this order. */
        fetch: z.array(z.string()),
      })
      .meta({ id: 'Run', description: 'Runs a graph without gradients.' }),
    reply: z.strictObject({ seconds }).meta({ id: 'RunReply' }),
  },
  locate: {
    request: z
      .strictObject({ graph: id, set: id, inputs: bindings, loss: z.string().nullable() })
      .meta({ id: 'Locate', description: 'Runs a graph node by node and names the first non-finite value.' }),
    reply: z
      .strictObject({
        /** Index of the node in the graph, or null when every value is finite. */
        node: z.int().min(0).nullable(),
        /** Name of the input or parameter that was non-finite already, if one was. */
        source: z.string().nullable(),
        /** Name of the parameter whose gradient went wrong, when all values were finite. */
        gradient: z.string().nullable(),
      })
      .meta({ id: 'LocateReply' }),
  },
  put: {
    request: z
      .strictObject({ handles: z.array(id) })
      .meta({ id: 'Put', description: 'Stores tensor frame i of the request under handle i.' }),
    reply: empty('PutReply', 'Done.'),
  },
  get: {
    request: z
      .strictObject({ handles: z.array(id), set: id.nullable(), parameters: z.array(z.string()) })
      .meta({ id: 'Get', description: 'Returns handles, then parameters of `set`, as tensor frames.' }),
    reply: empty('GetReply', 'The tensors are frames of the reply.'),
  },
  release: {
    request: z
      .strictObject({ handles: z.array(id) })
      .meta({ id: 'Release', description: 'Forgets handles.' }),
    reply: empty('ReleaseReply', 'Done.'),
  },
  profile_begin: {
    request: empty('ProfileBegin', "Runs torch's profiler, with a range a node, until `profile_end`."),
    reply: empty('ProfileBeginReply', 'Done.'),
  },
  profile_end: {
    request: z
      .strictObject({
        /** Absolute path of a file for chrome://tracing and Perfetto; null = none. */
        trace: z.string().nullable(),
      })
      .meta({ id: 'ProfileEnd', description: 'Ends a profile and folds it onto the nodes of graphs.' }),
    reply: z
      .strictObject({ nodes: z.array(nodeTimeSchema), others: z.array(otherTimeSchema) })
      .meta({ id: 'ProfileEndReply' }),
  },
  digest: {
    request: z.strictObject({ set: id }).meta({
      id: 'Digest',
      description: 'SHA-256 over names, shapes and little-endian bytes of all parameters in name order.',
    }),
    reply: z.strictObject({ sha256: z.string() }).meta({ id: 'DigestReply' }),
  },
  save: {
    request: z
      .strictObject({
        folder: z.string(),
        sets: z.array(id),
        optimizers: z.array(id),
        handles: z.array(id),
        pools: z.array(id),
      })
      .meta({
        id: 'Save',
        description: 'Writes safetensors files into an existing folder and syncs them to disk.',
      }),
    reply: z.strictObject({ files: z.array(savedFile) }).meta({ id: 'SaveReply' }),
  },
  restore: {
    request: z
      .strictObject({
        folder: z.string(),
        sets: z.array(id),
        optimizers: z.array(id),
        handles: z.array(id),
        pools: z.array(id),
      })
      .meta({ id: 'Restore', description: 'Reads what `save` wrote into the objects of the same names.' }),
    reply: empty('RestoreReply', 'Done.'),
  },
} as const;

export type Verb = keyof typeof verbs;

type Requests = { readonly [V in Verb]: z.input<(typeof verbs)[V]['request']> };
type Replies = { readonly [V in Verb]: z.output<(typeof verbs)[V]['reply']> };
// Interfaces, whose members are bodies: for a `V` that is not known the type checker would compare all schemas.
interface RequestBodies extends Requests {}
interface ReplyBodies extends Replies {}

export type RequestBody<V extends Verb> = RequestBodies[V];
export type ReplyBody<V extends Verb> = ReplyBodies[V];
