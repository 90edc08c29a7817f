import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  course,
  endOf,
  needsPython,
  newFolder,
  ofType,
  python,
  resumeSmall,
  rows,
  SMALL,
  startSmall,
  tiny,
} from './run-fixture.ts';

const EVALUATED = [
  ...SMALL,
  'evaluation.everyUpdates=4',
  'evaluation.episodes=8',
  'evaluation.numEnvs=8',
  'evaluation.play=["sampled"]',
];

/** By update, with what was found: mean returns of all splits. */
function evaluationsOf(events: Awaited<ReturnType<typeof startSmall>>) {
  return ofType(events, 'evaluation').map(({ update, splits }) => [
    update,
    ...splits.flatMap(({ games }) => games.map(({ mean_return: mean }) => mean)),
  ]);
}

test.skipIf(python === null)(
  `evaluating while training changes no bit of the run, stopped and resumed or not (${needsPython})`,
  { timeout: 300_000 },
  async () => {
    const [without, whole, halves] = [newFolder(), newFolder(), newFolder()];
    const expected = await startSmall(tiny(...SMALL), without);
    const events = await startSmall(tiny(...EVALUATED), whole);
    expect(endOf(events).parameters_sha256).toBe(endOf(expected).parameters_sha256);
    expect(course(whole)).toEqual(course(without));

    // Borders between unrolls are every second update; the run has 20 and does not evaluate at its end by itself.
    const evaluations = evaluationsOf(events);
    expect(evaluations.map(([update]) => update)).toEqual([4, 8, 12, 16, 20]);
    expect(readdirSync(path.join(whole, 'evaluations')).sort()).toEqual(
      [4, 8, 12, 16, 20].map((update) => `${update}.json`).sort(),
    );

    let updates = 0;
    const first = await startSmall(tiny(...EVALUATED), halves, {
      onEvent: (event, stop) => {
        if (event.type === 'update' && ++updates === 10) stop();
      },
    });
    const second = await resumeSmall(halves);
    expect([...evaluationsOf(first), ...evaluationsOf(second)]).toEqual(evaluations);
    expect(endOf(second).parameters_sha256).toBe(endOf(expected).parameters_sha256);
  },
);

test.skipIf(python === null)(
  `a run that is stopped while it evaluates keeps its updates, and evaluates when it goes on (${needsPython})`,
  { timeout: 300_000 },
  async () => {
    const folder = newFolder();
    const events = await startSmall(tiny(...EVALUATED), folder, {
      onEvent: (event, stop) => {
        if (event.type === 'checkpoint') stop();
      },
    });
    expect(ofType(events, 'evaluation')).toEqual([]);
    expect(endOf(events)).toMatchObject({ finished: false, updates: 4 });
    const [first] = ofType(await resumeSmall(folder), 'evaluation');
    expect(first?.update).toBe(4);
    const kept = ofType(rows(folder), 'evaluation').map(({ update }) => update);
    expect(kept).toEqual([4, 8, 12, 16, 20]);
  },
);

test.skipIf(python === null)(
  `an evaluation that is due at the end is made once, beside the baselines (${needsPython})`,
  { timeout: 300_000 },
  async () => {
    const events = await startSmall(
      tiny(...EVALUATED, 'evaluation.everyUpdates=20', 'evaluation.atEnd=true'),
      newFolder(),
    );
    const [only, ...others] = ofType(events, 'evaluation');
    expect(others).toEqual([]);
    expect(only?.splits.map(({ name }) => name)).toEqual(['train/sampled', 'train/random']);
  },
);
