/** How a request names the values of a graph's inputs. */
import { z } from 'zod';

export const id = z.string().min(1).max(200);

/** Where a graph input comes from: a tensor kept in the worker, a tensor frame of this message, or a random key. */
export const bindingSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('handle'), id }).meta({ id: 'HandleBinding' }),
    z.strictObject({ kind: z.literal('frame'), index: z.int().min(0) }).meta({ id: 'FrameBinding' }),
    z.strictObject({ kind: z.literal('key'), value: z.bigint() }).meta({ id: 'KeyBinding' }),
  ])
  .meta({ id: 'Binding' });
export type Binding = z.infer<typeof bindingSchema>;

/** One for each input, by its name. */
export const bindings = z.record(z.string(), bindingSchema);
