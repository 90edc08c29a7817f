/** Installs the locked Python packages, and makes `srwm.kernels`, `srwm.envs` and `srwm.worker` importable. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { keyOf, type Journal } from './journal.ts';
import type { Places } from './places.ts';
import type { Goal, Step } from './step.ts';
import { sitePackagesOf } from './venv-step.ts';

function lockKey(goal: Goal, ...names: readonly string[]): string {
  return keyOf(...names.map((name) => readFileSync(path.join(goal.places.package, name))));
}

function distributionsIn(sitePackages: string): string[] {
  if (!existsSync(sitePackages)) return [];
  return readdirSync(sitePackages).filter((name) => name.endsWith('.dist-info'));
}

/** uv, put in by pip against its own hashes: it installs 5 GB three times faster than pip. */
export const installerStep: Step = {
  name: 'installer',
  title: 'Package installer',

  isDone: (journal, goal) =>
    journal.installer?.key === lockKey(goal, 'requirements-uv.lock') &&
    distributionsIn(sitePackagesOf(journal, goal)).some((name) => name.startsWith('uv-')),

  run: async (journal, goal, tools) => {
    const lock = path.join(goal.places.package, 'requirements-uv.lock');
    const quiet = [
      '--disable-pip-version-check',
      '--no-input',
      '--no-warn-script-location',
      '--progress-bar',
      'off',
    ];
    // A pip that was stopped half way leaves a uv that looks installed.
    const install = [
      'install',
      '--force-reinstall',
      '--no-deps',
      '--only-binary',
      ':all:',
      '--require-hashes',
    ];
    await tools.run(goal.places.venvPython, ['-m', 'pip', ...install, ...quiet, '-r', lock]);
    return { ...journal, installer: { key: lockKey(goal, 'requirements-uv.lock') } };
  },
};

/** The lock files, exactly; packages that the user added to `.venv` stay. */
export const packagesStep: Step = {
  name: 'packages',
  title: 'Python packages',

  isDone: (journal, goal) => {
    const entry = journal.packages;
    if (entry === undefined || !entry.finished || (goal.dev && !entry.dev)) return false;
    if (entry.key !== packagesKey(goal, entry.dev)) return false;
    const present = new Set(distributionsIn(sitePackagesOf(journal, goal)));
    return entry.distributions.every((name) => present.has(name));
  },

  run: async (journal, goal, tools) => {
    const dev = goal.dev || (journal.packages?.dev ?? false);
    const key = packagesKey(goal, dev);
    const torn = journal.packages !== undefined && !journal.packages.finished;
    const started = { ...journal, packages: { key, dev, finished: false, distributions: [] } };
    tools.save(started);
    const locks = ['requirements.lock', ...(dev ? ['requirements-dev.lock'] : [])];
    const files = locks.flatMap((name) => ['-r', path.join(goal.places.package, name)]);
    const install = [
      '-m',
      'uv',
      'pip',
      'install',
      '--python',
      goal.places.venvPython,
      '--no-deps',
      '--require-hashes',
    ];
    await tools.run(goal.places.venvPython, [...install, ...(torn ? ['--reinstall'] : []), ...files]);
    const distributions = distributionsIn(sitePackagesOf(journal, goal));
    return { ...journal, packages: { key, dev, finished: true, distributions } };
  },
};

function packagesKey(goal: Goal, dev: boolean): string {
  return dev
    ? lockKey(goal, 'requirements.lock', 'requirements-dev.lock')
    : lockKey(goal, 'requirements.lock');
}

const FOLDERS = { kernels: 'kernels', envs: 'envs', worker: path.join('bridge', 'worker') } as const;

/**
 * Returns the folder that goes on PYTHONPATH: `py` of the package, whose links to the Python folders are committed.
 * A packed or Windows copy of the package has lost them; then `.venv` holds links of its own.
 */
export function modulesFolder(places: Places): string {
  const own = path.join(places.package, 'py');
  return leadsToPackage(own, places) ? own : path.join(places.venv, 'srwm-modules');
}

/** False too for links into a package of before: some package managers keep each version in a folder of its own. */
function leadsToPackage(folder: string, places: Places): boolean {
  return Object.entries(FOLDERS).every(([name, target]) => {
    const link = path.join(folder, 'srwm', name);
    return existsSync(link) && realpathSync(link) === realpathSync(path.join(places.package, target));
  });
}

const PTH = 'srwm.pth';

export const modulesStep: Step = {
  name: 'modules',
  title: 'Python modules of srwm',

  isDone: (journal, goal) =>
    journal.modules?.key === modulesFolder(goal.places) &&
    leadsToPackage(journal.modules.key, goal.places) &&
    existsSync(path.join(sitePackagesOf(journal, goal), PTH)),

  run: async (journal, goal) => {
    const folder = modulesFolder(goal.places);
    if (folder.startsWith(goal.places.venv)) linkModules(folder, goal.places);
    writeFileSync(path.join(sitePackagesOf(journal, goal), PTH), `${folder}\n`);
    return { ...journal, modules: { key: folder } };
  },
};

function linkModules(folder: string, places: Places): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.join(folder, 'srwm'), { recursive: true });
  for (const [name, target] of Object.entries(FOLDERS)) {
    // A junction needs no special right on Windows; elsewhere the word is ignored.
    symlinkSync(path.join(places.package, target), path.join(folder, 'srwm', name), 'junction');
  }
}

/** Proves that what was installed can be imported together. */
export const checkStep: Step = {
  name: 'check',
  title: 'Import check',

  isDone: (journal) => journal.check?.key === checkKey(journal),

  run: async (journal, goal, tools) => {
    const modules = [
      'numpy',
      'zmq',
      'msgspec',
      'safetensors',
      'torch',
      'srwm.kernels',
      'srwm.envs',
      'srwm.worker',
    ];
    await tools.run(goal.places.venvPython, ['-c', `import ${modules.join(', ')}`]);
    return { ...journal, check: { key: checkKey(journal) } };
  },
};

function checkKey(journal: Journal): string {
  const { venv, packages, modules } = journal;
  return keyOf(venv?.python ?? '', packages?.key ?? '', modules?.key ?? '');
}
