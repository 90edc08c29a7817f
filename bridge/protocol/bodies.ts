/** What bodies of several verbs are made of. */
import { z } from 'zod';

export const seconds = z.number().min(0);

/** A body without fields. */
export const empty = (name: string, description: string) =>
  z.strictObject({}).meta({ id: name, description });
