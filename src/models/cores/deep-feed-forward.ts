/** The stack without its memories. */
import type { CoreContext, SequenceCore } from './core.ts';
import { layerStack, type StackOptions } from './stack.ts';

/** Input projection and feed-forward layers: the released code's `--use_deep_ff`, 921,168 parameters in the paper's network. */
export function deepFeedForwardCore(options: StackOptions, { scheme }: CoreContext): SequenceCore {
  return layerStack(options, scheme, null);
}
