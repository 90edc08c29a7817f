/** Numbers that may be NaN or infinite, which `z.number()` refuses: losses, norms and returns of a run that went wrong. */
import { z } from 'zod';

export const realSchema = z
  .custom<number>((value) => typeof value === 'number', { error: 'must be a number' })
  .meta({ id: 'Real', description: 'A float64; NaN and infinities are values like any other.' });
