/** PopArt around an update: the moments are named state, and the value head is rescaled between gradients and step. */
import { SrwmError } from '../../../bridge/protocol/errors.ts';
import type { Binding } from '../../../bridge/protocol/messages.ts';
import type { ImpalaConfig, PopArtConfig } from '../../config/index.ts';
import { ones, parameter, tensorSpec, trace, zeros, type Graph, type Tensor } from '../../graph/index.ts';
import { rescaledHead, valueScale, type ValueMoments } from '../../objectives/index.ts';
import type { Rescaling } from '../learner.ts';
import { handle, type Session } from '../session.ts';

/** Inputs and outputs of the loss graph. */
export const MOMENTS = { mean: 'value_moments/mean', second: 'value_moments/second' } as const;
const NEXT = { mean: 'value_moments/next/mean', second: 'value_moments/next/second' } as const;
const HEAD = { weight: 'head/baseline/weight', bias: 'head/baseline/bias' } as const;
const names = Object.values(MOMENTS);

/** The other inputs of the loss graph, which have time and columns. */
export function withoutMoments(inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => !(names as string[]).includes(name)));
}

/** Inputs of the loss graph, for slots of these tasks. */
export function momentSpecs(tasks: readonly number[] = []) {
  return momentInputs(Math.max(0, ...tasks) + 1);
}

function momentInputs(numTasks: number) {
  return Object.fromEntries(names.map((name) => [name, tensorSpec([numTasks])]));
}

export function momentsOf(
  inputs: Readonly<Record<string, Tensor>>,
  which: Readonly<Record<'mean' | 'second', string>> = MOMENTS,
): ValueMoments {
  return { mean: inputs[which.mean] as Tensor, second: inputs[which.second] as Tensor };
}

/** Before the first update: mean 0, deviation 1. */
export function freshMomentsGraph(numTasks: number): Graph {
  return trace('fresh_value_moments', {}, () => ({
    [MOMENTS.mean]: zeros([numTasks]),
    [MOMENTS.second]: ones([numTasks]),
  }));
}

interface HeadShapes {
  readonly weight: readonly number[];
  readonly bias: readonly number[];
}

/** @throws SrwmError CONFIG_INVALID when the agent has no value head of its usual name. */
function headShapes(loss: Graph): HeadShapes {
  const shapeOf = (wanted: string) => loss.spec.parameters.find(({ name }) => name === wanted)?.shape;
  const [weight, bias] = [shapeOf(HEAD.weight), shapeOf(HEAD.bias)];
  if (weight !== undefined && bias !== undefined) return { weight, bias };
  throw new SrwmError(
    'CONFIG_INVALID',
    `algorithm.valueScale: popart rescales the parameters ${HEAD.weight} and ${HEAD.bias}, which the agent must have.`,
    { remedy: 'Leave "policy" to policy({ encoder, core }), or set algorithm.valueScale.kind=none.' },
  );
}

function bothSpecs(numTasks: number) {
  const spec = tensorSpec([numTasks]);
  return Object.fromEntries([...names, ...Object.values(NEXT)].map((name) => [name, spec]));
}

function bothUnits(inputs: Readonly<Record<string, Tensor>>, config: PopArtConfig) {
  const unit = (moments: ValueMoments) => ({ mean: moments.mean, scale: valueScale(moments, config) });
  return { former: unit(momentsOf(inputs)), next: unit(momentsOf(inputs, NEXT)) };
}

/** The value head in the units of the next moments. */
export function rescaleGraph(shapes: HeadShapes, config: PopArtConfig): Graph {
  const numTasks = shapes.bias[0] ?? 0;
  return trace('popart_rescale', bothSpecs(numTasks), (inputs) => {
    const { former, next } = bothUnits(inputs, config);
    // Never initialised from here: the worker binds the parameters of the agent by name.
    const head = {
      weight: parameter(HEAD.weight, shapes.weight, (shape) => zeros(shape)),
      bias: parameter(HEAD.bias, shapes.bias, (shape) => zeros(shape)),
    };
    const { weight, bias } = rescaledHead(head, former, next);
    return { [HEAD.weight]: weight, [HEAD.bias]: bias };
  });
}

/**
 * The loss is written with the head of the former units, whose outputs it turns into the next ones: d n' / d w is then
 * s / s' times what it is for the rescaled head, by the chain rule. This graph takes that factor out again.
 */
export function rescaledGradientsGraph(shapes: HeadShapes, config: PopArtConfig): Graph {
  const numTasks = shapes.bias[0] ?? 0;
  const gradients = {
    [`gradient/${HEAD.weight}`]: tensorSpec(shapes.weight),
    [`gradient/${HEAD.bias}`]: tensorSpec(shapes.bias),
  };
  return trace('popart_gradients', { ...bothSpecs(numTasks), ...gradients }, (given) => {
    const inputs: Readonly<Record<string, Tensor>> = given;
    const { former, next } = bothUnits(inputs, config);
    const factor = next.scale.div(former.scale);
    const of = (name: string) => inputs[`gradient/${name}`] as Tensor;
    return {
      [`gradient/${HEAD.weight}`]: of(HEAD.weight).mul(factor.unsqueeze(-1)),
      [`gradient/${HEAD.bias}`]: of(HEAD.bias).mul(factor),
    };
  });
}

/** Moves the next moments to where the loss reads them. */
function keepGraph(numTasks: number): Graph {
  return trace('popart_keep', momentInputs(numTasks), (inputs) => ({ ...inputs }));
}

/** The graphs beside the loss that a configuration runs, none without PopArt. */
export function popArtGraphs(loss: Graph, { valueScale: scale }: ImpalaConfig): readonly Graph[] {
  if (scale.kind === 'none') return [];
  const shapes = headShapes(loss);
  return [rescaleGraph(shapes, scale), rescaledGradientsGraph(shapes, scale)];
}

export class PopArt {
  readonly graphs: readonly Graph[];
  readonly stateHandles: readonly string[] = names;
  readonly rescaling: Rescaling;
  readonly #session: Session;
  readonly #numTasks: number;
  readonly #keep: Graph;

  constructor(session: Session, loss: Graph, config: PopArtConfig) {
    const shapes = headShapes(loss);
    this.#session = session;
    this.#numTasks = shapes.bias[0] ?? 0;
    this.#keep = keepGraph(this.#numTasks);
    const parameters = rescaleGraph(shapes, config);
    const gradients = rescaledGradientsGraph(shapes, config);
    this.graphs = [parameters, gradients];
    this.rescaling = {
      store: { [MOMENTS.mean]: NEXT.mean, [MOMENTS.second]: NEXT.second },
      parameters,
      gradients,
      inputs: Object.fromEntries([...names, ...Object.values(NEXT)].map((id) => [id, handle(id)])),
    };
  }

  async prepare(fresh: boolean): Promise<void> {
    await Promise.all([...this.graphs, this.#keep].map((graph) => this.#session.load(graph)));
    if (!fresh) return;
    const store = Object.fromEntries(names.map((name) => [name, name]));
    await this.#session.run(freshMomentsGraph(this.#numTasks), { store });
  }

  /** Of the loss graph. */
  get inputs(): Readonly<Record<string, Binding>> {
    return Object.fromEntries(names.map((name) => [name, handle(name)]));
  }

  /** Behind an update: its moments are those that the next one starts from. */
  async keep(): Promise<void> {
    await this.#session.run(this.#keep, {
      inputs: { [MOMENTS.mean]: handle(NEXT.mean), [MOMENTS.second]: handle(NEXT.second) },
      store: Object.fromEntries(names.map((name) => [name, name])),
    });
  }
}
