/** The programs of `graph/overhead`: the own layer, the transformer and the clipped loss of the examples, at sizes that train. */
import {
  arange,
  attention,
  keySpec,
  maximum,
  randomNormal,
  randomUniform,
  relu,
  scope,
  tensorSpec,
  trace,
  type Graph,
  type Tensor,
} from '../src/graph/index.ts';
import { stepCore } from '../src/models/index.ts';
import { layerNorm, linear } from '../src/nn/index.ts';
import { entropy, logProbabilities } from '../src/objectives/index.ts';

export interface OverheadProgram {
  /** Also the name of the rival's function. */
  readonly name: string;
  /** Makes the inputs of `loss` from one key, by name. */
  readonly data: Graph;
  readonly loss: Graph;
}

const [T, B, M] = [20, 32, 64];
const FIRST = 0.02;

function ownLayer(): OverheadProgram {
  const core = stepCore('leaky', { size: 128 }, (x, h) => {
    const next = h.mul(0.9).add(relu(linear('in', 128)(x)));
    return [next, next];
  });
  const inputs = { x: tensorSpec([T, B, M]), is_first: tensorSpec([T, B], 'bool'), h: tensorSpec([B, 128]) };
  return {
    name: 'own_layer',
    data: trace('data', { key: keySpec }, ({ key }) => ({
      x: randomNormal(key, [T, B, M]),
      is_first: randomUniform(key, [T, B]).lt(FIRST),
      h: randomNormal(key, [B, 128]),
    })),
    loss: trace('own_layer', inputs, ({ x, is_first: isFirst, h }) => ({
      loss: core.apply(x, isFirst, { leaky: h }).y.square().mean(),
    })),
  };
}

const [TIME, DIM, HEADS] = [64, 64, 4];

function transformer(): OverheadProgram {
  const inputs = { x: tensorSpec([TIME, B, DIM]), is_first: tensorSpec([TIME, B], 'bool') };
  const mixed = (h: Tensor, isFirst: Tensor): Tensor => {
    const heads = (x: Tensor) => x.reshape([TIME, B, HEADS, DIM / HEADS]).permute([1, 2, 0, 3]);
    const [q, k, v] = ['q', 'k', 'v'].map((name) => heads(linear(name, DIM)(h))) as [Tensor, Tensor, Tensor];
    const episode = isFirst.to('int64').cumsum(0).transpose(0, 1);
    const same = episode.unsqueeze(2).eq(episode.unsqueeze(1)).unsqueeze(1);
    const past = arange(TIME).unsqueeze(1).ge(arange(TIME).unsqueeze(0));
    const y = attention(q, k, v, { mask: same.logicalAnd(past) });
    return linear('out', DIM)(y.permute([2, 0, 1, 3]).reshape([TIME, B, DIM]));
  };
  return {
    name: 'transformer',
    data: trace('data', { key: keySpec }, ({ key }) => ({
      x: randomNormal(key, [TIME, B, DIM]),
      is_first: randomUniform(key, [TIME, B]).lt(FIRST),
    })),
    loss: trace('transformer', inputs, ({ x, is_first: isFirst }) =>
      scope('block', () => {
        const h = x.add(mixed(layerNorm('norm')(x), isFirst));
        const inner = relu(linear('ff_in', 4 * DIM)(layerNorm('ff_norm')(h)));
        return { loss: h.add(linear('ff_out', DIM)(inner)).square().mean() };
      }),
    ),
  };
}

const [ACTIONS, CLIP] = [15, 0.2];

function clippedLoss(): OverheadProgram {
  const step = tensorSpec([TIME, B]);
  const inputs = {
    x: tensorSpec([TIME, B, M]),
    action: tensorSpec([TIME, B], 'int64'),
    behaviour: step,
    advantages: step,
    returns: step,
  };
  return {
    name: 'clipped_loss',
    data: trace('data', { key: keySpec }, ({ key }) => ({
      x: randomNormal(key, [TIME, B, M]),
      action: randomUniform(key, [TIME, B]).mul(ACTIONS).to('int64'),
      behaviour: randomUniform(key, [TIME, B]).sub(3.2),
      advantages: randomNormal(key, [TIME, B]),
      returns: randomNormal(key, [TIME, B]).mul(0.5),
    })),
    loss: trace('clipped_loss', inputs, ({ x, action, behaviour, advantages, returns }) => {
      const h = relu(linear('second', 128)(relu(linear('first', 128)(x))));
      const logits = linear('policy', ACTIONS)(h);
      const values = linear('baseline', 1)(h).squeeze(-1);
      const ratio = logProbabilities(logits, action).sub(behaviour).exp();
      const gain = advantages.neg();
      const policy = maximum(gain.mul(ratio), gain.mul(ratio.clamp(1 - CLIP, 1 + CLIP))).mean();
      const value = returns.sub(values).square().mean().mul(0.5);
      return { loss: policy.add(value.mul(0.5)).sub(entropy(logits).mean().mul(0.01)) };
    }),
  };
}

export function overheadPrograms(): OverheadProgram[] {
  return [ownLayer(), transformer(), clippedLoss()];
}
