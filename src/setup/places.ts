/** Where things lie: the package itself, the user's project, its `.venv`, the cache. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

/** Everything that set-up needs to know before it starts. */
export interface Places {
  /** The folder of srwm's own package.json. */
  readonly package: string;
  /** The version in it. */
  readonly packageVersion: string;
  /** The folder of the user's package.json. */
  readonly project: string;
  readonly venv: string;
  /** The interpreter inside `.venv`. */
  readonly venvPython: string;
  readonly cache: string;
}

/** Returns the nearest folder upwards that holds package.json, or null. */
function nearestPackage(from: string): string | null {
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
    if (path.dirname(folder) === folder) return null;
  }
}

/** Returns srwm's own folder, from `src` under tsx and from `dist` when compiled. */
export function packageFolder(): string {
  const folder = nearestPackage(path.dirname(fileURLToPath(import.meta.url)));
  if (folder === null) throw new Error('internal: srwm has no package.json');
  return folder;
}

/** Returns the folder whose `.venv` a command started in `cwd` uses. */
export function projectFolder(cwd: string): string {
  return nearestPackage(cwd) ?? path.resolve(cwd);
}

/** Returns where downloads and built kernels are kept between projects. */
export function cacheFolder(environment: ProcessEnvironment): string {
  if (environment['SRWM_CACHE']) return path.resolve(environment['SRWM_CACHE']);
  const base = environment['XDG_CACHE_HOME'] || path.join(environment['HOME'] || homedir(), '.cache');
  return path.join(base, 'srwm');
}

/** Returns all places for a command started in `cwd`. */
export function findPlaces(cwd: string, environment: ProcessEnvironment): Places {
  const own = packageFolder();
  const manifest = JSON.parse(readFileSync(path.join(own, 'package.json'), 'utf8')) as { version: string };
  const project = projectFolder(cwd);
  const venv = path.join(project, '.venv');
  const inVenv = process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python'];
  return {
    package: own,
    packageVersion: manifest.version,
    project,
    venv,
    venvPython: path.join(venv, ...inVenv),
    cache: cacheFolder(environment),
  };
}
