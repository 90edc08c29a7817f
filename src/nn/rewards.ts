/** Bounds of rewards: games pay from hundredths to tens, and one network must learn from all of them. */
import { where, type Tensor } from '../graph/index.ts';

/** How rewards are bounded before they are learnt from or seen. */
export type RewardClipping = 'abs_one' | 'soft_asymmetric' | 'none';

/**
 * Bounds rewards of any shape. `abs_one`: to [-1, 1]. `soft_asymmetric` (Espeholt et al. 2018, appendix D): with
 * s = tanh(r / 5), 5 s where r >= 0 and 1.5 s where it is negative, so that losses count less. `none`: as they are.
 *
 * @example clipRewards(rewards, 'abs_one') // [T, B] to [T, B]
 */
export function clipRewards(rewards: Tensor, clipping: RewardClipping): Tensor {
  switch (clipping) {
    case 'abs_one':
      return rewards.clamp(-1, 1);
    case 'soft_asymmetric': {
      const squeezed = rewards.div(5).tanh();
      return where(rewards.lt(0), squeezed.mul(0.3), squeezed).mul(5);
    }
    case 'none':
      return rewards;
  }
}
