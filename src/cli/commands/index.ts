/** The commands, in the order of the help. A new one is its file and its two lines here. */
import type { Command } from '../command.ts';
import { doctor } from './doctor.ts';
import { setup } from './setup.ts';

export const commands: readonly Command[] = [setup, doctor];
