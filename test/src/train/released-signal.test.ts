/** What the released code's training signal does to an SRWM, in numbers: which of its slow weights ever move. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { agentOf, createParameters, loadTensors } from '../../../src/train/index.ts';
import { needsPython, numbers, python, startSession } from '../../support/session.ts';
import { endOf, newFolder, SMALL_IMPALA, startSmall, tiny } from '../runs/run-fixture.ts';

const WEIGHT = 'core/layer0/srwm/w';
const SPACES = { observationShape: [8, 6, 3], observationDtype: 'uint8' as const, numActions: 3 };
const RMSPROP = ['train.optimizer.kind=rmsprop', 'train.maxGradNorm=40', 'train.learningRate=6e-4'];

type Group = 'w_y' | 'w_q' | 'w_k' | 'w_beta';

describe.skipIf(python === null)(
  `an SRWM over several updates of V-trace and RMSprop (${needsPython})`,
  () => {
    /** The largest move of each sub-matrix from its start, after 20 updates on catch. */
    async function movesOf(bptt: 'step' | 'unroll'): Promise<Record<Group, number>> {
      const resolved = tiny(...SMALL_IMPALA, ...RMSPROP, `train.bptt=${bptt}`);
      const { config } = resolved;
      const session = await startSession();
      await createParameters(session, agentOf(config.model, config.train, SPACES, false), config.seed);
      const asked = { handles: [], set: 'agent', parameters: [WEIGHT] };
      const start = numbers((await session.exchange('get', asked)).tensors[0]);
      await session.close();
      const folder = newFolder();
      expect(endOf(await startSmall(resolved, folder))).toMatchObject({ finished: true, updates: 20 });
      const checkpoints = path.join(folder, 'checkpoints');
      const last = path.join(checkpoints, readdirSync(checkpoints).sort().at(-1) as string);
      const files = readdirSync(last).filter((name) => name.endsWith('.safetensors'));
      const saved = files.flatMap((name) => {
        const tensor = loadTensors(path.join(last, name))[WEIGHT];
        return tensor === undefined ? [] : [tensor];
      });
      const end = saved[0]?.toNumbers() as number[];
      expect(end).toHaveLength(start.length);
      const headDim = 8;
      const sizes = { w_y: headDim, w_q: headDim, w_k: headDim, w_beta: 4 };
      const owners = Object.entries(sizes).flatMap(([name, size]) => Array<Group>(size).fill(name as Group));
      const moves = { w_y: 0, w_q: 0, w_k: 0, w_beta: 0 };
      end.forEach((value, i) => {
        const owner = owners[i % owners.length] as Group;
        moves[owner] = Math.max(moves[owner], Math.abs(value - (start[i] as number)));
      });
      return moves;
    }

    test('moves w_y alone with "step": w_q, w_k and w_beta keep their initial values to the bit', async () => {
      const { w_y, ...rest } = await movesOf('step');
      expect(rest).toEqual({ w_q: 0, w_k: 0, w_beta: 0 });
      expect(w_y).toBeGreaterThan(1e-4);
    });

    test('moves all four with "unroll"', async () => {
      for (const [name, move] of Object.entries(await movesOf('unroll')))
        expect(move, name).toBeGreaterThan(1e-5);
    });
  },
);
