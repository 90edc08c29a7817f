/** Headers of the `work` channel: what is around the body of a verb. */
import { z } from 'zod';
import { dtypeSchema } from './graph-spec.ts';

/** Element types that a tensor frame may have. */
export const tensorDtypeSchema = dtypeSchema
  .exclude(['key'])
  .meta({ id: 'TensorDtype', description: 'Element type of a tensor frame; little endian, C order.' });
export type TensorDtype = z.infer<typeof tensorDtypeSchema>;

/** Bytes of one element. */
export const itemBytes: Readonly<Record<TensorDtype, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  uint8: 1,
  bool: 1,
};

/** Where a request waits its turn. */
export const laneSchema = z.enum(['learn', 'act']).meta({
  id: 'Lane',
  description:
    'Requests of one lane are answered in order; left out is learn. The first on act starts its thread.',
});
export type Lane = z.infer<typeof laneSchema>;

const shape = z.array(z.int().min(0));
const sentTensors = z.array(
  z.strictObject({ dtype: tensorDtypeSchema, shape, offset: z.int().min(0).nullable() }).meta({
    id: 'SentTensor',
    description: 'Dtype and shape of one tensor, and where in the arena it is; null = in the next frame.',
  }),
);
const tensorSpecs = z.array(
  z
    .strictObject({ dtype: tensorDtypeSchema, shape })
    .meta({ id: 'TensorSpec', description: 'Dtype and shape of one tensor frame.' }),
);
/** Places in the arena whose tensors are gone: the driver may write there again. */
const freed = z.array(z.int().min(0));
const worker_seconds = z.number().min(0);

export const envelopeSchemas = {
  REQUEST: z
    .strictObject({
      id: z.int().min(1),
      verb: z.string(),
      lane: laneSchema.optional(),
      /** Remaining time, because clocks differ. */
      deadline_ms: z.number().min(0).nullable(),
      body: z.unknown(),
      tensors: sentTensors,
    })
    .meta({ id: 'RequestHeader', description: 'Driver to worker; `body` is the request of `verb`.' }),
  REPLY: z
    .strictObject({ id: z.int().min(1), body: z.unknown(), tensors: tensorSpecs, freed, worker_seconds })
    .meta({
      id: 'ReplyHeader',
      description: 'Worker to driver; `body` is the reply of the verb that was asked.',
    }),
  ERROR: z
    .strictObject({
      id: z.int().min(0),
      error: z
        .strictObject({
          code: z.string(),
          message: z.string(),
          remedy: z.string(),
          graph: z.string().nullable(),
          node: z.int().min(0).nullable(),
          traceback: z.string(),
          fatal: z.boolean(),
        })
        .meta({ id: 'Failure', description: 'Why a request failed; graph and node where one did.' }),
      freed,
      worker_seconds,
    })
    .meta({ id: 'ErrorHeader', description: 'Worker to driver; id 0 when the request could not be read.' }),
} as const;

export type RequestHeader = z.output<typeof envelopeSchemas.REQUEST>;
export type ReplyHeader = z.output<typeof envelopeSchemas.REPLY>;
export type ErrorHeader = z.output<typeof envelopeSchemas.ERROR>;

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/**
 * Whether `value` is a valid REPLY without tensors, as most replies are: told in a fraction of the steps of the schema.
 * False says nothing: then the schema decides.
 */
export function isPlainReply(value: unknown): value is ReplyHeader {
  if (typeof value !== 'object' || value === null || !('body' in value)) return false;
  const { id, tensors, freed, worker_seconds } = value as Partial<Record<keyof ReplyHeader, unknown>>;
  return (
    isCount(id) &&
    id !== 0 &&
    Array.isArray(tensors) &&
    tensors.length === 0 &&
    Array.isArray(freed) &&
    freed.every(isCount) &&
    Number.isFinite(worker_seconds) &&
    (worker_seconds as number) >= 0 &&
    // The five of them and no other.
    Object.keys(value).length === 5
  );
}
