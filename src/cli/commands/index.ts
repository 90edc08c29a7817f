/** The commands, in the order of the help. A new one is its file and its two lines here. */
import type { Command } from '../command.ts';
import { bench } from './bench.ts';
import { compare } from './compare.ts';
import { describe } from './describe.ts';
import { doctor } from './doctor.ts';
import { evaluate } from './evaluate.ts';
import { presets } from './presets.ts';
import { profile } from './profile.ts';
import { record } from './record.ts';
import { resume } from './resume.ts';
import { setup } from './setup.ts';
import { sweep } from './sweep.ts';
import { train } from './train.ts';

export const commands: readonly Command[] = [
  setup,
  doctor,
  presets,
  describe,
  profile,
  train,
  resume,
  evaluate,
  record,
  compare,
  sweep,
  bench,
];
