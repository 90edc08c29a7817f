/** Verbs that write frames which the worker holds to picture files. */
import { z } from 'zod';
import { id } from './binding.ts';
import { empty } from './bodies.ts';

const takeSchema = z
  .strictObject({
    film: id,
    /** Of the batch dimension. */
    column: z.int().min(0),
    /** From the first. */
    frames: z.int().min(1),
  })
  .meta({ id: 'FilmTake', description: 'Frames of one column, appended to a film.' });

export const filmVerbs = {
  film_frames: {
    request: z.strictObject({ handle: id, takes: z.array(takeSchema) }).meta({
      id: 'FilmFrames',
      description: 'Appends frames of a handle [T, B, height, width, channels?], uint8, to films in memory.',
    }),
    reply: empty('FilmFramesReply', 'Done.'),
  },
  film_write: {
    request: z
      .strictObject({
        film: id,
        /** Absolute path of an animated PNG; its folder exists. */
        file: z.string(),
        frame_milliseconds: z.int().min(1),
        /** Each pixel becomes a square of this side. */
        scale: z.int().min(1),
        /** Text entries of the file by keyword. */
        text: z.record(z.string(), z.string()),
      })
      .meta({ id: 'FilmWrite', description: 'Writes a film whole or not at all, and forgets it.' }),
    reply: z.strictObject({ frames: z.int().min(1), bytes: z.int().min(1) }).meta({ id: 'FilmWriteReply' }),
  },
} as const;
