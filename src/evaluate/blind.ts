/** Policies that never look: a fixed distribution over actions, and a search for the best one. */
import type { EnvFault, Episode } from '../../bridge/protocol/messages.ts';
import { hostTensor } from '../../bridge/client/index.ts';
import { tensorSpec, trace, type Graph } from '../graph/index.ts';
import { sampleActions } from '../models/index.ts';
import {
  frame,
  handle,
  key,
  noiseGraph,
  randomKey,
  SET,
  uniformStream,
  type Session,
} from '../train/index.ts';
import { CHUNK, playEpisodes } from './episodes.ts';

/** Probabilities of the actions, summing to 1. */
export type Distribution = readonly number[];

/** Where blind policies play: a pool that is open, and where its randomness comes from. */
export interface BlindArena {
  readonly session: Session;
  readonly pool: string;
  readonly numEnvs: number;
  readonly numActions: number;
  readonly seed: number;
  readonly maxSteps: number;
  readonly signal: AbortSignal;
  /** Hears what environments did wrong. */
  readonly onFaults: (faults: readonly EnvFault[]) => void;
}

/** Plays `quota` episodes in every slot; slot i draws its actions from `distributions[i]`. */
export async function playBlind(
  arena: BlindArena,
  stream: string,
  distributions: readonly Distribution[],
  quota: number,
): Promise<{ readonly episodes: readonly Episode[]; readonly envSteps: number }> {
  const { session, pool, numEnvs, numActions } = arena;
  const act = blindGraph(numEnvs, numActions);
  const noise = noiseGraph(CHUNK, numEnvs);
  const logits = Float32Array.from(distributions.flat(), (probability) =>
    Math.log(Math.max(probability, 1e-12)),
  );
  await session.load(act);
  const played = await playEpisodes(numEnvs, quota, arena.maxSteps * quota, arena.signal, async (chunk) => {
    const noiseKey = randomKey(arena.seed, `evaluate/blind/${stream}`, chunk);
    await session.run(noise, { inputs: { key: key(noiseKey) }, store: { noise: 'blind/noise' } });
    const { body } = await session.exchange(
      'collect',
      {
        graph: act.hash,
        set: SET,
        pool,
        length: CHUNK,
        inputs: { logits: frame(0) },
        per_step: { noise: handle('blind/noise') },
        feed: { observation: null, reward: null, is_first: null, level: null },
        carry: [],
        action: 'action',
        record: {},
        store: { observation: null, reward: null, is_first: null },
        final: null,
        initial: [],
      },
      [hostTensor('float32', logits, [1, numEnvs, numActions])],
    );
    return body;
  });
  arena.onFaults(played.faults);
  return played;
}

function blindGraph(numEnvs: number, numActions: number): Graph {
  const inputs = { logits: tensorSpec([1, numEnvs, numActions]), noise: tensorSpec([1, numEnvs]) };
  return trace('act_blind', inputs, ({ logits, noise }) => ({ action: sampleActions(logits, noise) }));
}

export interface BlindSearch {
  readonly best: Distribution;
  /** Distributions tried, and env steps spent on them. */
  readonly candidates: number;
  readonly envSteps: number;
}

/**
 * Cross-entropy search, one candidate a slot. The first round holds every constant action and sparse random mixtures;
 * each later round keeps the best quarter and draws the rest around it. The best is chosen by its mean over all
 * episodes it has played, and must then be measured on fresh episodes.
 */
export async function searchBlind(arena: BlindArena, rounds: number, quota: number): Promise<BlindSearch> {
  const { numEnvs, numActions } = arena;
  const uniform = uniformStream(randomKey(arena.seed, 'evaluate/blind/candidates'));
  const returns = new Map<Distribution, number[]>();
  let candidates = firstCandidates(numEnvs, numActions, uniform);
  let envSteps = 0;
  for (let round = 0; round < rounds; round++) {
    const played = await playBlind(arena, `search/${round}`, candidates, quota);
    envSteps += played.envSteps;
    for (const episode of played.episodes) {
      const candidate = candidates[episode.slot] as Distribution;
      returns.set(candidate, [...(returns.get(candidate) ?? []), episode.episode_return]);
    }
    const elite = ranked(returns).slice(0, Math.max(2, Math.floor(numEnvs / 4)));
    candidates = [...elite, ...Array.from({ length: numEnvs - elite.length }, () => around(elite, uniform))];
  }
  const seenOften = [...returns].filter(([, values]) => values.length >= 2 * quota);
  const best = ranked(new Map(seenOften.length > 0 ? seenOften : returns))[0] as Distribution;
  return { best, candidates: returns.size, envSteps };
}

function ranked(returns: ReadonlyMap<Distribution, readonly number[]>): Distribution[] {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return [...returns].sort(([, a], [, b]) => mean(b) - mean(a)).map(([distribution]) => distribution);
}

function firstCandidates(count: number, numActions: number, uniform: () => number): Distribution[] {
  const constants = Array.from({ length: numActions }, (_, action) =>
    Array.from({ length: numActions }, (_, a) => Number(a === action)),
  );
  const mixtures = Array.from({ length: Math.max(0, count - numActions) }, () =>
    // Powers of uniform numbers give mixtures of few actions.
    normalize(Array.from({ length: numActions }, () => uniform() ** 6)),
  );
  return [...constants, ...mixtures].slice(0, count);
}

/** The mean of two of the elite, with every probability changed by up to a factor of two, and a little of each action. */
function around(elite: readonly Distribution[], uniform: () => number): Distribution {
  const pick = () => elite[Math.floor(uniform() * elite.length)] as Distribution;
  const [a, b] = [pick(), pick()];
  return normalize(
    a.map((value, action) => ((value + (b[action] ?? 0)) / 2 + 0.01) * 2 ** (2 * uniform() - 1)),
  );
}

function normalize(weights: readonly number[]): Distribution {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
