/** |A_t| of every step of an unroll, which a curriculum judges levels by. */
import { tensorSpec, trace, type Graph } from '../../graph/index.ts';

/** `magnitudes` [T, B]: value targets are advantages, before they are normalised, plus values. */
export function ppoScoresGraph(time: number, batch: number): Graph {
  const inputs = { targets: tensorSpec([time, batch]), baseline: tensorSpec([time, batch]) };
  return trace('ppo_scores', inputs, ({ targets, baseline }) => ({
    magnitudes: targets.sub(baseline).abs(),
  }));
}
