import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EvaluationRecord } from '../../../src/metrics/index.ts';
import { parseAssignment, presetNamed, resolveConfig } from '../../../src/config/index.ts';
import { evaluateRun, recordRun } from '../../../src/runs/index.ts';
import {
  course,
  endOf,
  needsPython,
  newFolder,
  places,
  python,
  rejection,
  resumeSmall,
  SMALL,
  startSmall,
  tiny,
} from './run-fixture.ts';

const signal = new AbortController().signal;
const common = { places, own: {}, signal };

/** Width and height in pixels, and frames, as the file's own chunks say. */
function pictureOf(file: string) {
  const bytes = readFileSync(file);
  const control = bytes.indexOf('acTL');
  return {
    width: bytes.readUInt32BE(16),
    height: bytes.readUInt32BE(20),
    frames: bytes.readUInt32BE(control + 4),
  };
}

describe.skipIf(python === null)(`recording (${needsPython})`, { timeout: 300_000 }, () => {
  test('shows the episodes that a ledger counts, and changes nothing of the run', async () => {
    const folder = newFolder();
    const quickstart = resolveConfig(
      presetNamed('quickstart').config(),
      'quickstart',
      [
        ...['environment.games=starpilot,fruitbot', 'environment.numEnvs=4', 'train.unrollLength=8'],
        ...['train.batchSize=4', 'train.totalEnvSteps=64', 'model.core.modelDim=16', 'evaluation.numEnvs=4'],
        ...['evaluation.atEnd=false', 'model.policyGain=1', 'hardware.device=cpu'],
      ].map(parseAssignment),
    );
    await startSmall(quickstart, folder);
    const before = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    const request = { play: ['sampled', 'greedy'] as const, baselines: false };
    const levels = [3, 1001, 1, 7, 0];
    const { videos, update } = await recordRun(folder, { ...common, ...request, levels, scale: 2, fps: 50 });
    const made = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    expect(made.filter((name) => !before.includes(name) && !name.startsWith('artifacts'))).toEqual([]);

    const ledger = await evaluateRun({
      ...{ folder, ...common, ...request, protocol: 'ledger' },
      splits: ['0-7', '1001-1001'],
    });
    const { rows } = JSON.parse(readFileSync(ledger.file, 'utf8')) as EvaluationRecord;
    const counted = Object.entries(rows).flatMap(([split, own]) =>
      own.map((row) => ({ ...row, play: split.split('/')[1] })),
    );
    expect(videos).toHaveLength(2 * 2 * levels.length);
    for (const { game, level, play, ...video } of videos) {
      const row = counted.find((one) => one.game === game && one.level === level && one.play === play);
      const { episode_return, episode_length, completed } = video;
      expect({ episode_return, episode_length, completed }).toEqual({
        episode_return: row?.episode_return,
        episode_length: row?.episode_length,
        completed: row?.completed,
      });
      expect(video.frames).toBe(episode_length);
      expect(path.basename(video.file)).toBe(`${game}-level-${level}-${play}.png`);
      const picture = pictureOf(video.file);
      expect([picture.width, picture.height]).toEqual([128, 128]);
      // The library shows equal frames behind one another once, for longer.
      expect(picture.frames).toBeGreaterThan(episode_length / 2);
      expect(picture.frames).toBeLessThanOrEqual(episode_length);
    }
    expect(path.dirname(videos[0]?.file ?? '')).toBe(
      path.join(folder, 'artifacts', 'videos', String(update)),
    );
  });

  test('of an environment without levels takes whole episodes, and a run goes on as if nobody had looked', async () => {
    const [whole, half] = [newFolder(), newFolder()];
    const expected = await startSmall(tiny(...SMALL), whole);
    let updates = 0;
    await startSmall(tiny(...SMALL), half, {
      onEvent: (event, stop) => {
        if (event.type === 'update' && ++updates === 6) stop();
      },
    });
    const out = path.join(newFolder(), 'mine');
    const { videos } = await recordRun(half, { ...common, episodes: 5, out, play: ['sampled'] });
    expect(videos.map(({ file }) => path.basename(file))).toEqual(
      [0, 1, 2, 3, 4].map((slot) => `catch-episode-${slot}-sampled.png`),
    );
    expect(
      videos.every(({ level, frames, episode_length: length }) => level === null && frames === length),
    ).toBe(true);
    const resumed = await resumeSmall(half);
    expect(endOf(resumed).parameters_sha256).toBe(endOf(expected).parameters_sha256);
    expect(course(half)).toEqual(course(whole));

    // What cannot be written is said before or while it is; nothing half is left.
    const taken = path.join(newFolder(), 'file');
    mkdirSync(path.dirname(taken));
    writeFileSync(taken, '');
    for (const wrong of [path.join(taken, 'below'), '/proc/nowhere']) {
      const error = await rejection(recordRun(half, { ...common, episodes: 1, out: wrong }));
      expect(error).toMatchObject({ code: 'RECORD_WRITE' });
    }
    const stopped = AbortSignal.abort(new Error('stopped'));
    expect(await rejection(recordRun(half, { ...common, episodes: 1, out, signal: stopped }))).toBeDefined();
    expect(readdirSync(out)).toHaveLength(5);
  });

  test('refuses a run whose observations are no images before a worker starts', async () => {
    const folder = newFolder();
    await startSmall(tiny(...SMALL, 'environment.kind=recall'), folder);
    const nowhere = { ...common, places: { ...places, python: '/nonexistent' } };
    expect(await rejection(recordRun(folder, nowhere))).toMatchObject({
      code: 'RECORD_IMAGES',
      message: expect.stringContaining('[4]') as string,
    });
  });
});
