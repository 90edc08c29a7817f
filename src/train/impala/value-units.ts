/** In what units the baseline head speaks: those of the rewards, or under PopArt those of its own task. */
import type { ImpalaConfig, PopArtConfig } from '../../config/index.ts';
import { constantOf, GraphError, indexSelect, type Tensor } from '../../graph/index.ts';
import { ofOwnTask, updatedMoments, valueScale, type VtraceTargets } from '../../objectives/index.ts';
import { MOMENTS, momentsOf } from './popart.ts';

/** What the losses of policy and baseline are made of, all [T, B], and what stays in the worker. */
export interface LearntValues {
  readonly values: Tensor;
  readonly targets: Tensor;
  readonly advantages: Tensor;
  /** Outputs that are reported, and outputs that stay in the worker. */
  readonly outputs: Readonly<Record<string, Tensor>>;
}

export interface ValueUnits {
  /** What the head says, [T, B] or [T, B, K], in the units of the rewards, [T, B]. */
  inRewards(spoken: Tensor): Tensor;
  /** Values and targets in the units that are learnt in. */
  learnt(values: Tensor, targets: VtraceTargets): LearntValues;
}

const plain: ValueUnits = {
  inRewards: (spoken) => spoken,
  learnt: (values, { vs, pgAdvantages }) => ({ values, targets: vs, advantages: pgAdvantages, outputs: {} }),
};

/** `inputs` are those of the whole graph, before columns are chosen; `tasks` has the task of each column there. */
export function valueUnits(
  { valueScale: config }: ImpalaConfig,
  inputs: Readonly<Record<string, Tensor>>,
  tasks: readonly number[] | undefined,
): ValueUnits {
  if (config.kind === 'none') return plain;
  if (tasks === undefined) throw new Error('internal: popart needs the task of each column');
  const ofColumns = constantOf(tasks, [tasks.length], 'int64');
  const { columns } = inputs;
  return popArtUnits(config, inputs, columns === undefined ? ofColumns : indexSelect(ofColumns, 0, columns));
}

function popArtUnits(
  config: PopArtConfig,
  inputs: Readonly<Record<string, Tensor>>,
  tasks: Tensor,
): ValueUnits {
  const former = momentsOf(inputs);
  const perColumn = (perTask: Tensor) => indexSelect(perTask, 0, tasks);
  const scale = valueScale(former, config);
  return {
    inRewards: (spoken) => {
      const numTasks = former.mean.size(0);
      requireHead(spoken, numTasks);
      const own = numTasks === 1 ? spoken : ofOwnTask(spoken, tasks);
      return own.mul(perColumn(scale)).add(perColumn(former.mean));
    },
    learnt: (values, { vs, pgAdvantages }) => {
      const next = updatedMoments(former, vs, tasks, config);
      const nextScale = valueScale(next, config);
      const unit = perColumn(nextScale);
      const normalized = (value: Tensor) => value.sub(perColumn(next.mean)).div(unit);
      return {
        values: normalized(values),
        targets: normalized(vs),
        advantages: pgAdvantages.div(unit),
        outputs: {
          value_mean: next.mean.mean(),
          value_scale: nextScale.mean(),
          [MOMENTS.mean]: next.mean,
          [MOMENTS.second]: next.second,
        },
      };
    },
  };
}

function requireHead(spoken: Tensor, numTasks: number): void {
  if (numTasks === 1 ? spoken.rank === 2 : spoken.rank === 3 && spoken.size(-1) === numTasks) return;
  throw new GraphError(
    'GRAPH_SHAPE',
    `algorithm.valueScale: popart needs a baseline [T, B, ${numTasks}], one value a game, got [${spoken.shape.join(', ')}].`,
    'Give the baseline of your policy `numValues` outputs, or set algorithm.valueScale.kind=none.',
    spoken.origin.site,
  );
}
