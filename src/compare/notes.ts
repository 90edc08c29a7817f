/** What a reader must know of a comparison before quoting it. */
import { RUNS } from '../config/index.ts';
import type { RunGroup } from './groups.ts';
import type { CompareNote } from './report.ts';
import type { Measure } from './scores.ts';

export function notesOf(groups: readonly RunGroup[], protocol: string, measure: Measure): CompareNote[] {
  return [
    ...groups.flatMap(seedNotes),
    ...groups.flatMap(updateNotes),
    ...measureNotes(measure),
    ...pairingNotes(protocol),
  ];
}

function seedNotes({ name, runs }: RunGroup): CompareNote[] {
  const count = `${runs.length} seed${runs.length === 1 ? '' : 's'}`;
  if (runs.length < RUNS.forInterval)
    return [
      {
        code: 'COMPARE_FEW_SEEDS',
        message: `${name} has ${count}: its intervals are over levels, and say nothing of what other seeds would give; at least ${RUNS.forInterval} are needed for an interval over seeds.`,
      },
    ];
  if (runs.length < RUNS.forTrust)
    return [
      {
        code: 'COMPARE_FEW_SEEDS',
        message: `${name} has ${count}: bootstrap intervals over so few are too narrow; ${RUNS.forTrust} are better.`,
      },
    ];
  return [];
}

/** Runs of one configuration of which one was evaluated earlier than another. */
function updateNotes({ name, runs }: RunGroup): CompareNote[] {
  const updates = [...new Set(runs.map(({ evaluation }) => evaluation.update))].sort((a, b) => a - b);
  if (updates.length < 2) return [];
  const message = `the runs of ${name} were evaluated after different numbers of updates: ${updates.join(', ')}.`;
  return [{ code: null, message }];
}

function measureNotes({ name, normalization, games }: Measure): CompareNote[] {
  if (name === 'return') {
    if (games.length < 2) return [];
    const message =
      'returns of several games without constants are averaged as they are: games with large returns decide.';
    return [{ code: null, message }];
  }
  return [
    {
      code: null,
      message: `scores are normalised by ${normalization?.set}, constants of ${normalization?.constants} mode.`,
    },
  ];
}

function pairingNotes(protocol: string): CompareNote[] {
  if (protocol === 'ledger') return [];
  const message = `episodes of the protocol ${protocol} are of levels as they came: agents are not paired level by level.`;
  return [{ code: null, message }];
}
