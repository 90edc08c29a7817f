import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Project } from './fixtures/project.ts';

const ALL = [
  'venv',
  'installer',
  'packages',
  ...(process.platform === 'linux' ? ['procgen'] : []),
  'kernels',
  'check',
];

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('makes .venv beside the nearest package.json and says where everything is', async () => {
  const project = new Project();
  const setup = await project.setUp();
  expect(project.takeCalls()).toEqual(ALL);
  expect(setup.venv).toBe(project.venv);
  expect(setup.pythonVersion).toBe('3.12.4');
  expect(setup.packages.count).toBe(4);
  expect(setup.kernels).toEqual({ path: null, reason: 'no C++ compiler found' });
  const link = readFileSync(path.join(project.venv, 'lib/python3.12/site-packages/srwm.pth'), 'utf8');
  expect(link.trim()).toBe(setup.pythonPath);
  expect(readFileSync(path.join(project.venv, '.gitignore'), 'utf8')).toBe('*\n');
});

test('does nothing, quickly, when all is done', async () => {
  const project = new Project();
  await project.setUp();
  project.takeCalls();
  const start = performance.now();
  await project.setUp();
  expect(performance.now() - start).toBeLessThan(300);
  expect(project.takeCalls()).toEqual([]);
});

test('adds the packages of the checks when asked, and keeps them afterwards', async () => {
  const project = new Project();
  await project.setUp();
  project.takeCalls();
  expect((await project.setUp({}, { dev: true })).packages.dev).toBe(true);
  expect(project.takeCalls()).toContain('packages dev');
  expect((await project.setUp()).packages.dev).toBe(true);
  expect(project.takeCalls()).toEqual([]);
});

test('stops its programs when aborted and goes on where it was', async () => {
  const project = new Project();
  const controller = new AbortController();
  const stopped = project.setUp({ FAKE_HANG: 'procgen' }, { signal: controller.signal });
  const pid = await project.hanging();
  controller.abort(new Error('stopped by the test'));
  await expect(stopped).rejects.toThrow('stopped by the test');
  expect(isAlive(pid)).toBe(false);
  expect(existsSync(path.join(project.venv, 'srwm-setup.lock'))).toBe(false);
  project.takeCalls();
  await project.setUp();
  expect(project.takeCalls()).toEqual(['procgen', 'kernels', 'check']);
});

test('installs packages anew after a stop in the middle of them', async () => {
  const project = new Project();
  const controller = new AbortController();
  const stopped = project.setUp({ FAKE_HANG: 'packages' }, { signal: controller.signal });
  await project.hanging();
  controller.abort(new Error('stopped by the test'));
  await expect(stopped).rejects.toThrow();
  project.takeCalls();
  await project.setUp();
  expect(project.takeCalls()[0]).toBe('packages again');
});

test('lets one of two at once work and the other wait', async () => {
  const project = new Project();
  const both = await Promise.all([project.setUp(), project.setUp()]);
  expect(both[0]).toEqual(both[1]);
  expect(project.takeCalls()).toEqual(ALL);
  expect(project.events.filter((event) => event.type === 'waiting')).toEqual([
    { type: 'waiting', pid: process.pid },
  ]);
});

const PACKAGES = 'lib/python3.12/site-packages';

test.each([
  ['its interpreter is gone', 'bin/python', ALL],
  ['its configuration is gone', 'pyvenv.cfg', ALL],
  ['all its packages are gone', PACKAGES, ['installer', 'packages']],
  ['a package is gone', `${PACKAGES}/torch-2.dist-info`, ['packages']],
  ['the link to our modules is gone', `${PACKAGES}/srwm.pth`, []],
])('repairs .venv when %s', async (_, victim, calls) => {
  const project = new Project();
  await project.setUp();
  project.takeCalls();
  rmSync(path.join(project.venv, victim), { recursive: true });
  await project.setUp();
  expect(project.takeCalls()).toEqual(calls);
  await project.setUp();
  expect(project.takeCalls()).toEqual([]);
});

test('starts afresh when its journal is damaged', async () => {
  const project = new Project();
  await project.setUp();
  project.takeCalls();
  writeFileSync(path.join(project.venv, 'srwm-setup.json'), '{"for');
  await project.setUp();
  expect(project.takeCalls()).toEqual(ALL);
});

test('makes .venv again when SRWM_PYTHON names another Python', async () => {
  const project = new Project();
  await project.setUp();
  project.takeCalls();
  const other = path.join(project.folder, 'other-python');
  writeFileSync(other, readFileSync(project.environment()['SRWM_PYTHON'] ?? ''), { mode: 0o755 });
  await project.setUp({ SRWM_PYTHON: other });
  expect(project.takeCalls()).toEqual(ALL);
});

test('refuses a .venv that the user made and filled', async () => {
  const project = new Project();
  await project.setUp();
  rmSync(path.join(project.venv, 'srwm-setup.json'));
  const before = readdirSync(path.join(project.venv, 'lib/python3.12/site-packages'));
  await expect(project.setUp()).rejects.toMatchObject({
    code: 'SETUP_VENV_FOREIGN',
    message: expect.stringContaining('numpy, torch') as string,
  });
  expect(readdirSync(path.join(project.venv, 'lib/python3.12/site-packages'))).toEqual(before);
});

test('moves a .venv aside that is not ours and does not work', async () => {
  const project = new Project();
  mkdirSync(project.venv);
  writeFileSync(path.join(project.venv, 'notes.txt'), 'mine');
  await project.setUp();
  expect(readFileSync(`${project.venv}.before-srwm/notes.txt`, 'utf8')).toBe('mine');
});
