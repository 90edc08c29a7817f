import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Project } from './fixtures/project.ts';

test.each([
  ['packages', 'error: No space left on device (os error 28)', 'SETUP_DISK_FULL'],
  ['packages', 'error: Failed to fetch: dns error: failed to lookup address', 'SETUP_DOWNLOAD'],
  ['packages', 'error: Hash mismatch for torch==2.15.0', 'SETUP_CHECKSUM'],
  ['installer', 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES', 'SETUP_CHECKSUM'],
  ['installer', 'WARNING: NewConnectionError: Name or service not known', 'SETUP_DOWNLOAD'],
  ['installer', 'ERROR: Could not find a version that satisfies uv (from versions: none)', 'SETUP_DOWNLOAD'],
  ['venv', 'Error: [Errno 13] Permission denied', 'SETUP_UNWRITABLE'],
  ['packages', 'error: something new', 'SETUP_PACKAGES'],
  ['kernels', 'Traceback: something new', 'SETUP_STEP'],
  ['check', 'ImportError: libstdc++.so.6', 'SETUP_STEP'],
])('says what went wrong when %s prints "%s"', async (step, text, code) => {
  const project = new Project();
  await expect(project.setUp({ FAKE_FAIL: `${step}:${text}` })).rejects.toMatchObject({
    code,
    message: expect.stringContaining(text) as string,
  });
  await project.setUp();
});

test.runIf(process.platform === 'linux')(
  'hands on the sentence that our own Python modules print',
  async () => {
    const project = new Project();
    const said = { code: 'ENV_LIBRARY_CHECKSUM', message: 'procgen: wrong file.', remedy: 'Delete it.' };
    await expect(project.setUp({ FAKE_FAIL: `procgen:${JSON.stringify(said)}` })).rejects.toMatchObject({
      ...said,
      code: 'SETUP_CHECKSUM',
    });
  },
);

test('says what Pythons were found when none fits', async () => {
  const project = new Project();
  await expect(project.setUp({ FAKE_VERSION: '3.9.1' })).rejects.toMatchObject({
    code: 'SETUP_PYTHON',
    message: expect.stringMatching(
      /is Python 3\.9\.1 \(.*fake-python\.sh\), set by SRWM_PYTHON\.$/,
    ) as string,
    remedy: expect.stringContaining('SRWM_PYTHON') as string,
  });
  await expect(project.setUp({ FAKE_WITHOUT_VENV: '1' })).rejects.toMatchObject({
    code: 'SETUP_PYTHON',
    message: expect.stringContaining('without the venv and ensurepip modules') as string,
  });
  await expect(project.setUp({ SRWM_PYTHON: '/nowhere/python3' })).rejects.toMatchObject({
    code: 'SETUP_PYTHON',
    message: expect.stringContaining('/nowhere/python3 cannot be started') as string,
  });
});

test('names shims that do not answer and commands that are absent', async () => {
  const project = new Project();
  const folder = path.join(project.folder, 'bin');
  mkdirSync(folder);
  writeFileSync(
    path.join(folder, 'python3.12'),
    '#!/bin/sh\necho "shim: python3.12: command not found" >&2\nexit 127\n',
  );
  chmodSync(path.join(folder, 'python3.12'), 0o755);
  await expect(project.setUp({ PATH: folder, SRWM_PYTHON: '' })).rejects.toMatchObject({
    code: 'SETUP_PYTHON',
    message:
      'setup: Python 3.11 or newer is required, got python3.12 does not answer (shim: python3.12: command not found); ' +
      'no python3.13, python3.11, python3, python on the PATH.',
  });
});

test('says that .venv cannot be written', async () => {
  const project = new Project();
  writeFileSync(project.venv, 'a file in the way');
  await expect(project.setUp()).rejects.toMatchObject({ code: 'SETUP_UNWRITABLE' });
});
