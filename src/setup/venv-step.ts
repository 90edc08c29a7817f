/** Makes `.venv`, and makes it again when it is broken or its Python is to be another. */
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runChild } from './child.ts';
import { foreignVenv } from './faults.ts';
import { EMPTY_JOURNAL, type Journal } from './journal.ts';
import { findPython } from './python.ts';
import type { Goal, Step, Tools } from './step.ts';

/** Files of ours in `.venv` that outlive its contents. */
const KEPT = new Set([
  'srwm-setup.json',
  'srwm-setup.lock',
  'srwm-setup.lock.takeover',
  'srwm-setup.log',
  '.gitignore',
]);
const SEEDS = new Set(['pip', 'setuptools', 'wheel', 'uv']);
const KEY = 'venv-1';

/**
 * Refuses a `.venv` that the user made and filled; an empty or broken one gives way.
 *
 * @throws SrwmError SETUP_VENV_FOREIGN
 */
export async function clearTheWay(goal: Goal, signal: AbortSignal): Promise<void> {
  const { venv, venvPython, project } = goal.places;
  if (!existsSync(venv) || readdirSync(venv).every((name) => KEPT.has(name))) return;
  const listing = 'import importlib.metadata as m; [print(d.metadata["Name"]) for d in m.distributions()]';
  const result = await runChild(venvPython, ['-c', listing], {
    cwd: project,
    environment: goal.environment,
    signal,
    timeoutMs: 20_000,
  });
  if (result.ok) {
    const packages = result.stdout.filter((name) => !SEEDS.has(name.toLowerCase()));
    if (packages.length > 0) throw foreignVenv(venv, packages);
    return;
  }
  const aside = ['', ...Array.from({ length: 100 }, (_, index) => `-${index + 2}`)]
    .map((suffix) => `${venv}.before-srwm${suffix}`)
    .find((name) => !existsSync(name));
  if (aside !== undefined) renameSync(venv, aside);
}

export const venvStep: Step = {
  name: 'venv',
  title: 'Python environment',

  isDone: (journal, goal) => {
    const entry = journal.venv;
    if (entry === undefined || entry.key !== KEY || !isThere(goal)) return false;
    const named = goal.environment['SRWM_PYTHON'];
    return !named || named === entry.named;
  },

  run: async (journal, goal, tools) => {
    const named = goal.environment['SRWM_PYTHON'] || null;
    const python = await findPython(goal.environment, tools.signal);
    tools.say(`Python ${python.version} (${python.path})`);
    const entry = journal.venv;
    const same = entry !== undefined && entry.key === KEY && entry.python === python.path;
    if (same && (await works(goal, tools))) return { ...journal, venv: { ...entry, named } };

    tools.save(EMPTY_JOURNAL);
    for (const name of readdirSync(goal.places.venv)) {
      if (!KEPT.has(name)) rmSync(path.join(goal.places.venv, name), { recursive: true, force: true });
    }
    await tools.run(python.path, ['-m', 'venv', goal.places.venv]);
    writeFileSync(path.join(goal.places.venv, '.gitignore'), '*\n');
    const asked = 'import sysconfig; print(sysconfig.get_path("purelib"))';
    const result = await tools.run(goal.places.venvPython, ['-c', asked]);
    const sitePackages = path.relative(goal.places.venv, result.stdout.at(-1) ?? '');
    return {
      ...EMPTY_JOURNAL,
      venv: { key: KEY, python: python.path, version: python.version, named, sitePackages },
    };
  },
};

/** A link to an interpreter that was removed counts as absent. */
function isThere(goal: Goal): boolean {
  return existsSync(goal.places.venvPython) && existsSync(path.join(goal.places.venv, 'pyvenv.cfg'));
}

async function works(goal: Goal, tools: Tools): Promise<boolean> {
  if (!isThere(goal)) return false;
  return (await tools.attempt(goal.places.venvPython, ['-c', 'import pip'])).ok;
}

/** Returns the absolute site-packages of a finished venv step. */
export function sitePackagesOf(journal: Journal, goal: Goal): string {
  if (journal.venv === undefined) throw new Error('internal: the venv step must come first');
  return path.join(goal.places.venv, journal.venv.sitePackages);
}
