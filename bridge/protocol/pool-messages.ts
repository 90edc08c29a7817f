/** Messages about pools of environments: what supplies experience, how it is stepped, what it says of episodes. */
import { z } from 'zod';
import { bindings, id } from './binding.ts';
import { dtypeSchema } from './graph-spec.ts';
import { realSchema } from './real.ts';
import { empty, seconds } from './bodies.ts';

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
    z
      .strictObject({
        kind: z.literal('gymnasium'),
        /** `CartPole-v1`, `package.module:ClassOrFactory` or `/absolute/file.py:ClassOrFactory`. */
        env: z.string().min(1),
        /** JSON of an object: keyword arguments of the environment. */
        kwargs: z.string(),
        /** Folder of the user's project: hosts run there, and its modules can be imported. */
        project: z.string(),
        num_envs: z.int().min(1),
        num_groups: z.int().min(1),
        num_hosts: z.int().min(1),
        /** An episode of so many steps is truncated. */
        max_episode_steps: z.int().min(1),
        /** So many faults of a slot without an episode that ends between them are an error. */
        max_faults: z.int().min(1),
        /** For each reset and each step. */
        step_timeout_seconds: z.number().min(0.1),
        /** For the start of a host, and for making each environment. */
        start_timeout_seconds: z.number().min(0.1),
        /** Levels are seeds of reset: so many from `start_level` on, 0 = every one. Left out: episodes have no level. */
        num_levels: z.int().min(0).optional(),
        start_level: z.int().min(0).optional(),
        /** Unsigned 31-bit; the seed of every slot and episode is a function of it. */
        seed: z.int().min(0),
      })
      .meta({ id: 'GymnasiumPool' }),
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

export const envFaultSchema = z
  .strictObject({
    slot: z.int().min(0),
    /** One of the error codes ENV_... */
    code: z.string(),
    message: z.string(),
    /** Faults of this slot since the run began. */
    count: z.int().min(1),
  })
  .meta({ id: 'EnvFault', description: 'A fault of an environment that cost its slot the running episode.' });
export type EnvFault = z.infer<typeof envFaultSchema>;

/** The verbs about pools. */
export const poolVerbs = {
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
        /** Whether episodes may be cut short by a limit, with a final observation. */
        truncates: z.boolean(),
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
        /** The version of `set` that must act, as `assign` gave it. */
        version: z.int().min(0).optional(),
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
        /**
         * Output [1, B] and the handle that keeps it as [T, B]: what the graph says of the final observation of an
         * episode that a limit cut short at step t, with the carried state as it was then; 0 elsewhere. null = not asked.
         */
        final: z.strictObject({ output: z.string(), handle: id }).meta({ id: 'CollectFinal' }).nullable(),
        /** Handles that receive the carried state as it was before the first step, in `carry` order. */
        initial: z.array(id),
      })
      .meta({ id: 'Collect', description: 'Steps a pool T times with an act graph.' }),
    reply: z
      .strictObject({
        episodes: z.array(episodeSchema),
        faults: z.array(envFaultSchema),
        act_seconds: seconds,
        env_seconds: seconds,
      })
      .meta({ id: 'CollectReply' }),
  },
} as const;
