import { execa } from 'execa';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findSetup } from '../../src/setup/index.ts';
import { isAlive, root, until } from '../bridge/start-worker.ts';
import { startSrwm, temporaryProject } from './run-srwm.ts';

/** The command line makes the machine ready itself, so a worker test needs a set-up that is complete. */
const isReady = findSetup(root, process.env) !== null;
const SRWM = path.join(root, 'test', 'cli', 'fixtures', 'srwm.ts');
const SETS = [
  'environment.numEnvs=8',
  'train.batchSize=4',
  'train.unrollLength=8',
  'train.totalEnvSteps=128',
  'algorithm.passes=1',
  'evaluation.atEnd=false',
  'hardware.device=cpu',
].flatMap((set) => ['--set', set]);

/** Any line of a stack; the one place in the person's own file that a message names is none. */
const STACK = /^\s+at (?![\w/.-]+\.ts:\d+:\d+$)/m;

interface ErrorLine {
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** A refusal: one JSON line and an exit code, no stack for a person to read. */
async function refusal(
  words: readonly string[],
  cwd = temporaryProject(),
): Promise<ErrorLine & { readonly exitCode: number | undefined; readonly cwd: string }> {
  const { exitCode, stdout, stderr } = await startSrwm([...words, '--json'], { cwd });
  expect(stdout.split('\n')).toHaveLength(1);
  expect(stderr).not.toMatch(STACK);
  // No worker and no set-up: a refusal comes before everything slow.
  expect(stderr).not.toContain('set-up:');
  expect(existsSync(path.join(cwd, '.venv'))).toBe(false);
  const line = JSON.parse(stdout) as ErrorLine;
  expect(line.type).toBe('error');
  expect(line.remedy).not.toBe('');
  return { ...line, exitCode, cwd };
}

function runFolder(): string {
  const parent = mkdtempSync(path.join(tmpdir(), 'srwm-cli-runs-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  return path.join(parent, 'run');
}

describe('srwm train refuses', () => {
  test('an unknown preset, and names the nearest', async () => {
    const { exitCode, code, remedy, cwd } = await refusal(['train', 'quikstart']);
    expect({ exitCode, code }).toEqual({ exitCode: 2, code: 'CONFIG_UNKNOWN_PRESET' });
    expect(remedy).toContain('Did you mean "quickstart"?');
    expect(existsSync(path.join(cwd, 'runs'))).toBe(false);
  });

  test('unknown keys and wrong values all at once, each with where it came from', async () => {
    const words = ['seeed=3', 'train.batchSize=-1', 'algorithm.clip=wide'].flatMap((set) => ['--set', set]);
    const { exitCode, message } = await refusal(['train', 'tiny', ...words]);
    expect(exitCode).toBe(2);
    for (const part of ['seeed', 'train.batchSize', 'algorithm.clip', '--set train.batchSize=-1'])
      expect(message).toContain(part);
  });

  test('an unknown game and an unknown mode, and lists what there is', async () => {
    const game = await refusal(['train', 'quickstart', '--set', 'environment.games=starpilott']);
    expect(game.exitCode).toBe(2);
    expect(`${game.message} ${game.remedy}`).toContain('starpilott');
    expect(`${game.message} ${game.remedy}`).toMatch(/bigfish[\s\S]*starpilot/);
    const mode = await refusal(['train', 'quickstart', '--set', 'environment.distributionMode=eazy']);
    expect(mode.exitCode).toBe(2);
    expect(`${mode.message} ${mode.remedy}`).toMatch(/easy.*hard/);
  });

  test('a folder that holds a run, before any set-up', async () => {
    const cwd = temporaryProject();
    mkdirSync(path.join(cwd, 'old'));
    writeFileSync(path.join(cwd, 'old', 'config.json'), '{}');
    const { exitCode, code, remedy } = await refusal(['train', 'tiny', '--run', 'old'], cwd);
    expect({ exitCode, code }).toEqual({ exitCode: 1, code: 'RUN_EXISTS' });
    expect(remedy).toContain('srwm resume old');
    expect(readdirSync(path.join(cwd, 'old'))).toEqual(['config.json']);
  });

  test('a folder that cannot be made', async () => {
    const cwd = temporaryProject();
    writeFileSync(path.join(cwd, 'letter'), 'in the way');
    // Node's recursive mkdir never returns from the second.
    const folders = ['letter/run', ...(process.platform === 'linux' ? ['/proc/srwm-run/inner'] : [])];
    for (const folder of folders) {
      const { exitCode, code } = await refusal(['train', 'tiny', '--run', folder], cwd);
      expect({ exitCode, code }).toEqual({ exitCode: 1, code: 'RUN_UNWRITABLE' });
    }
  });

  test.each([
    ['that is not there', null, 'missing.ts'],
    ['with a syntax error', 'export default {;', 'broken.ts'],
    ['with a number as its default export', 'export default 7;', 'seven.ts'],
    ['whose config is not whole', 'export default { config: { seed: 1 } };', 'part.ts'],
  ])('a file %s', async (_, text, name) => {
    const cwd = temporaryProject();
    if (text !== null) writeFileSync(path.join(cwd, name), text);
    const { exitCode, code, message } = await refusal(['train', name], cwd);
    expect(exitCode).toBe(2);
    expect(code).toMatch(/^CONFIG_(FILE|INVALID)$/);
    expect(message).toContain(name);
  });
});

test('srwm resume refuses a folder without a run', async () => {
  const { exitCode, code } = await refusal(['resume', 'nothing-here']);
  expect({ exitCode, code }).toEqual({ exitCode: 1, code: 'RUN_MISSING' });
});

test('srwm evaluate refuses a folder of another program', async () => {
  const cwd = temporaryProject();
  mkdirSync(path.join(cwd, 'foreign'));
  writeFileSync(path.join(cwd, 'foreign', 'config.json'), '{"name":"other"}');
  const { exitCode, code } = await refusal(['evaluate', 'foreign'], cwd);
  expect({ exitCode, code }).toEqual({ exitCode: 1, code: 'RUN_FOREIGN' });
});

test('srwm train runs an async generator of the person and prints what it yields', async () => {
  const cwd = temporaryProject();
  const text = `export default async function* count(): AsyncGenerator<{ readonly step: number }> {
    for (let step = 0; step < 3; step++) yield { step };
  }`;
  writeFileSync(path.join(cwd, 'count.ts'), text);
  const { exitCode, stdout, stderr } = await startSrwm(['train', 'count.ts', '--json'], { cwd });
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  expect(stdout).toBe('{"step":0}\n{"step":1}\n{"step":2}');
});

test.each([
  ['before', 'await new Promise(() => {}); yield { updates: 1 };', ''],
  ['behind', 'yield { updates: 1 }; await new Promise(() => {});', '"updates":1'],
])(
  'srwm train says of such a generator that it awaits for ever, %s its first update',
  async (_, body, printed) => {
    const cwd = temporaryProject();
    writeFileSync(path.join(cwd, 'idle.mjs'), `export default async function* () { ${body} }`);
    const { exitCode, stdout } = await startSrwm(['train', 'idle.mjs', '--json'], { cwd });
    const lines = stdout.trim().split('\n');
    expect(exitCode).toBe(1);
    expect(stdout).toContain(printed);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      type: 'error',
      code: 'RUN_SCRIPT',
      message: expect.stringContaining('it awaits a promise that nothing will settle') as string,
    });
  },
);

test('srwm train reports what such a generator throws, without a stack', async () => {
  const cwd = temporaryProject();
  writeFileSync(
    path.join(cwd, 'fails.ts'),
    `export default async function* () { yield 1; throw new Error('out of ideas'); }`,
  );
  const { exitCode, stdout, stderr } = await startSrwm(['train', 'fails.ts', '--json'], { cwd });
  expect(exitCode).toBe(1);
  expect(stdout.split('\n')).toHaveLength(2);
  expect(stdout).toContain('out of ideas');
  expect(stderr).not.toMatch(STACK);
});

/** `srwm` in this project, whose set-up is complete. */
function startReal(words: readonly string[]) {
  return execa(process.execPath, ['--import', 'tsx', SRWM, ...words], {
    cwd: root,
    reject: false,
    stdin: 'ignore',
  });
}

/** Processes below `parent`, as Linux lists them. */
function descendants(parent: number): number[] {
  const file = `/proc/${parent}/task/${parent}/children`;
  if (!existsSync(file)) return [];
  const children = readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function updates(folder: string): number {
  const file = path.join(folder, 'metrics.jsonl');
  return existsSync(file) ? readFileSync(file, 'utf8').split('"type":"update"').length - 1 : 0;
}

describe.skipIf(!isReady)(
  'srwm train with a worker (needs .venv, "srwm setup")',
  { timeout: 180_000 },
  () => {
    test('trains what a file defines', async () => {
      const folder = runFolder();
      const file = path.join(path.dirname(folder), 'mine.ts');
      writeFileSync(
        file,
        `import { defineRun, presets } from '${path.join(root, 'src', 'index.ts')}';
       export default defineRun({ ...presets.tiny(), seed: 7 });`,
      );
      const { exitCode, stdout } = await startReal(['train', file, ...SETS, '--run', folder, '--json']);
      expect(exitCode).toBe(0);
      const events = stdout.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(events.map(({ type }) => type)).toEqual([
        'run_start',
        ...Array.from({ length: 4 }, () => 'update'),
        'checkpoint',
        'run_end',
      ]);
      expect(events[0]?.['seed']).toBe(7);
    });

    test.skipIf(process.platform === 'win32')(
      'stops at Ctrl-C with a checkpoint, says how to go on, and leaves no process',
      async () => {
        const folder = runFolder();
        const running = startReal([
          'train',
          'tiny',
          ...SETS,
          '--set',
          'train.totalEnvSteps=9999999',
          '--run',
          folder,
        ]);
        onTestFinished(() => void running.kill('SIGKILL'));
        await until(() => updates(folder) > 3, 120_000);
        const children = descendants(running.pid ?? 0);
        running.kill('SIGINT');
        const { exitCode, stdout, stderr } = await running;
        expect(exitCode).toBe(130);
        expect(stderr).toContain('Stopping; press Ctrl-C again to stop at once.');
        expect(stdout).toContain(`go on with: srwm resume ${folder}`);
        expect(stderr).not.toMatch(STACK);
        const [checkpoint] = readdirSync(path.join(folder, 'checkpoints'));
        expect(existsSync(path.join(folder, 'checkpoints', checkpoint ?? '', 'manifest.json'))).toBe(true);
        expect(Number(checkpoint)).toBe(updates(folder));
        expect(existsSync(path.join(folder, 'lock'))).toBe(false);
        expect(children.filter(isAlive)).toEqual([]);
        if (process.platform === 'linux') expect(children.length).toBeGreaterThan(0);
      },
    );

    test.skipIf(process.platform !== 'linux')(
      'ends at the second Ctrl-C at once, and takes its worker along',
      async () => {
        const folder = runFolder();
        const running = startReal(['train', 'tiny', ...SETS, '--run', folder]);
        onTestFinished(() => void running.kill('SIGKILL'));
        let notes = '';
        running.stderr.on('data', (text: Buffer) => (notes += text.toString()));
        // Before the first update: nothing else would end the program so soon.
        await until(() => existsSync(path.join(folder, 'config.json')), 120_000);
        await until(() => descendants(running.pid ?? 0).length > 0, 120_000);
        const children = descendants(running.pid ?? 0);
        running.kill('SIGINT');
        await until(() => notes.includes('Stopping'), 30_000);
        running.kill('SIGINT');
        const { exitCode } = await running;
        expect(exitCode).toBe(130);
        expect(updates(folder)).toBe(0);
        await until(() => !children.some(isAlive), 30_000);
      },
    );
  },
);

test.skipIf(!isReady)('srwm doctor wants no compiler once the kernels are compiled', async () => {
  const bin = path.join(runFolder(), '..');
  symlinkSync('/usr/bin/env', path.join(bin, 'env'));
  const { stdout } = await execa(process.execPath, ['--import', 'tsx', SRWM, 'doctor', '--json'], {
    cwd: root,
    env: { PATH: bin },
    extendEnv: true,
    reject: false,
  });
  const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean; found: string }[] };
  const compiled = checks.find(({ name }) => name === 'kernels')?.ok;
  const compiler = checks.find(({ name }) => name === 'compiler');
  expect(compiler?.ok).toBe(compiled);
  expect(compiler?.found).toContain(compiled ? 'none is needed' : 'no c++, g++ or clang++ on the PATH');
});
