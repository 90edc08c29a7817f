/** Every message of the `work` channel, once: request body and reply body of each verb. */
import { z } from 'zod';
import { realSchema } from './real.ts';
import { graphSpecSchema, namedValueSchema, dtypeSchema } from './graph-spec.ts';

const id = z.string().min(1).max(200);
const seconds = z.number().min(0);
const empty = (name: string, description: string) => z.strictObject({}).meta({ id: name, description });

/** Where a graph input comes from: a tensor kept in the worker, a tensor frame of this message, or a random key. */
export const bindingSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('handle'), id }).meta({ id: 'HandleBinding' }),
    z.strictObject({ kind: z.literal('frame'), index: z.int().min(0) }).meta({ id: 'FrameBinding' }),
    z.strictObject({ kind: z.literal('key'), value: z.bigint() }).meta({ id: 'KeyBinding' }),
  ])
  .meta({ id: 'Binding' });
export type Binding = z.infer<typeof bindingSchema>;
const bindings = z.record(z.string(), bindingSchema);

/** What supplies experience. Sent whole: the worker holds no default. */
export const poolSpecSchema = z
  .discriminatedUnion('kind', [
    z
      .strictObject({
        kind: z.literal('procgen'),
        games: z.array(z.string()).min(1),
        num_envs: z.int().min(1),
        num_hosts: z.int().min(1),
        num_groups: z.int().min(1),
        distribution_mode: z.string(),
        num_levels: z.int().min(0),
        start_level: z.int().min(0),
        center_agent: z.boolean(),
        use_backgrounds: z.boolean(),
        restrict_themes: z.boolean(),
        use_monochrome_assets: z.boolean(),
        use_generated_assets: z.boolean(),
        paint_vel_info: z.boolean(),
        use_sequential_levels: z.boolean(),
        /** Unsigned 31-bit; every host and game derives its own library seed from it. */
        seed: z.int().min(0),
        /** The unpacked `procgen/data` folder that set-up verified. */
        library: z.string(),
        /** A host that has not answered a step for so long counts as lost. */
        host_timeout_seconds: z.number().min(0.1),
      })
      .meta({ id: 'ProcgenPool' }),
    z
      .strictObject({
        kind: z.literal('catch'),
        num_envs: z.int().min(1),
        num_groups: z.int().min(1),
        rows: z.int().min(3),
        columns: z.int().min(3),
        /** True hands out black images: a control that must not be solvable. */
        blank: z.boolean(),
        seed: z.int().min(0),
      })
      .meta({ id: 'CatchPool' }),
    z
      .strictObject({
        kind: z.literal('recall'),
        num_envs: z.int().min(1),
        num_groups: z.int().min(1),
        num_cues: z.int().min(2),
        delay: z.int().min(1),
        blank: z.boolean(),
        seed: z.int().min(0),
      })
      .meta({ id: 'RecallPool' }),
  ])
  .meta({ id: 'PoolSpec' });
export type PoolSpec = z.infer<typeof poolSpecSchema>;

export const episodeSchema = z
  .strictObject({
    slot: z.int().min(0),
    game: z.string(),
    episode_return: realSchema,
    episode_length: z.int().min(1),
    /** The level just played; -1 where the environment has no levels. */
    level: z.int(),
    completed: z.boolean(),
    /** The level was taken from the slot's queue, and the episode began in the state of a fresh slot. */
    queued: z.boolean(),
  })
  .meta({ id: 'Episode', description: 'One finished environment episode, raw rewards summed.' });
export type Episode = z.infer<typeof episodeSchema>;

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
  .meta({ id: 'KernelUse', description: 'What dispatch chose for a recurrence of a graph.' });
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
    request: z.strictObject({ device: z.string() }).meta({
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
  open_pool: {
    request: z
      .strictObject({ pool: id, spec: poolSpecSchema })
      .meta({ id: 'OpenPool', description: 'Opens a pool of environments in supervised host processes.' }),
    reply: z
      .strictObject({
        num_envs: z.int().min(1),
        observation_shape: z.array(z.int().min(1)),
        observation_dtype: dtypeSchema,
        num_actions: z.int().min(1),
        games: z.array(z.string()),
      })
      .meta({ id: 'OpenPoolReply' }),
  },
  close_pool: {
    request: z
      .strictObject({ pool: id })
      .meta({ id: 'ClosePool', description: 'Stops the hosts of a pool.' }),
    reply: empty('ClosePoolReply', 'Done.'),
  },
  queue_levels: {
    request: z
      .strictObject({
        pool: id,
        slots: z.array(
          z
            .strictObject({
              slot: z.int().min(0),
              /** Takes the place of every level that was queued and not begun. */
              levels: z.array(z.int().min(0)),
              /** The running episode is given up without a record, and the first of `levels` begins at once. */
              restart: z.boolean(),
            })
            .meta({ id: 'LevelOrder' }),
        ),
      })
      .meta({
        id: 'QueueLevels',
        description:
          'Queues of levels to play next, each from a fresh state; an empty queue leaves it to the environment.',
      }),
    reply: empty('QueueLevelsReply', 'Done.'),
  },
  collect: {
    request: z
      .strictObject({
        graph: id,
        set: id,
        pool: id,
        /** T: env steps of every slot. */
        length: z.int().min(1),
        inputs: bindings,
        /** Graph inputs that take row t of a tensor [T, ...] at step t, as [1, ...] (frames or handles). */
        per_step: bindings,
        /** Which graph inputs take the current time step, each as [1, B, ...]; null = not read. */
        feed: z
          .strictObject({
            observation: z.string().nullable(),
            reward: z.string().nullable(),
            is_first: z.string().nullable(),
            /** The level that each slot is in, int64. */
            level: z.string().nullable(),
          })
          .meta({ id: 'CollectFeed' }),
        /** Carried state: graph input and output, and the handle that holds it between unrolls. */
        carry: z.array(
          z.strictObject({ input: z.string(), output: z.string(), handle: id }).meta({ id: 'CollectCarry' }),
        ),
        /** Output [1, B] int64 with the actions. */
        action: z.string(),
        /** Output name to handle: stacked over time to [T, B, ...]. */
        record: z.record(z.string(), id),
        /** Handles for the time steps, [T + 1, B, ...] each; null = not kept. */
        store: z
          .strictObject({ observation: id.nullable(), reward: id.nullable(), is_first: id.nullable() })
          .meta({ id: 'CollectStore' }),
        /** Handles that receive the carried state as it was before the first step, in `carry` order. */
        initial: z.array(id),
      })
      .meta({ id: 'Collect', description: 'Steps a pool T times with an act graph.' }),
    reply: z
      .strictObject({
        episodes: z.array(episodeSchema),
        act_seconds: seconds,
        env_seconds: seconds,
      })
      .meta({ id: 'CollectReply' }),
  },
  accumulate: {
    request: z
      .strictObject({
        graph: id,
        optimizer: id,
        inputs: bindings,
        loss: z.string(),
        report: z.array(z.string()),
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
