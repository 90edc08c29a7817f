/** Sequence cores in a configuration: the keys of every kind, their types and bounds. */
import { z } from 'zod';

const positive = z.int().min(1);
const doc = (text: string) => ({ description: text });

const stack = {
  modelDim: positive,
  numLayers: positive,
  ffDim: positive.meta(doc('Inner size of the feed-forward layers.')),
  finalNorm: z.boolean().meta(doc("Layer normalisation before the heads; the paper's networks have none.")),
};
const heads = { ...stack, numHeads: positive };

const carryDoc = doc(
  'How long the state is kept: step (none, as the released "no carry"), unroll, episode, or run (over episodes).',
);
const carry = z.enum(['step', 'unroll', 'episode']).meta(carryDoc);
const longCarry = z.enum(['step', 'unroll', 'episode', 'run']).meta(carryDoc);

const releasedNorm = z
  .boolean()
  .meta(doc('Declare the layer normalisation that the released code creates and never uses.'));
const selfReference = {
  ...heads,
  inputSoftmax: z.boolean().meta(doc('Each head of the input through a softmax.')),
  releasedNorm,
};
const memory = { ...heads, carry };

export const coreSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('feed_forward').meta(doc('No core.')) }),
  z.strictObject({ kind: z.literal('deep_feed_forward').meta(doc('Feed-forward layers.')), ...stack }),
  z.strictObject({ kind: z.literal('lstm').meta(doc('One layer.')), modelDim: positive, carry }),
  z.strictObject({
    kind: z.literal('delta_net').meta(doc('Delta memories (Schlag et al. 2021).')),
    ...memory,
  }),
  z.strictObject({
    kind: z.literal('srwm').meta(doc('Self-referential matrices (Irie et al. 2022).')),
    ...selfReference,
    carry: longCarry,
  }),
  z.strictObject({
    kind: z.literal('fake_sr').meta(doc('The matrices of SRWM layers, fixed: the "Fake SR" of the paper.')),
    ...heads,
    releasedNorm,
  }),
  z.strictObject({
    kind: z.literal('sr_delta').meta(doc('Self-referential matrices that program delta memories.')),
    ...selfReference,
    carry,
  }),
  z.strictObject({ kind: z.literal('linear_transformer').meta(doc('Additive memories.')), ...memory }),
  z.strictObject({
    kind: z.literal('recurrent_delta').meta(doc('Delta memories that hear what they gave last.')),
    ...memory,
  }),
  z.strictObject({
    kind: z.literal('delta_rnn').meta(doc('Recurrent weights from delta memories.')),
    ...memory,
  }),
  z.strictObject({
    kind: z.literal('delta_delta').meta(doc('Delta memories that program delta memories.')),
    ...heads,
    carry: longCarry,
  }),
]);

/** A core's part of the configuration, told apart by `kind`. */
export type CoreConfig = z.infer<typeof coreSchema>;
