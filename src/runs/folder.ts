/** Where a run goes when nobody says. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config/index.ts';

/** `runs/<name>-<time>`, with a number behind it when that is taken. */
export function newRunFolder(name: string): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-');
  const folder = path.join('runs', `${name}-${time}`);
  let free = folder;
  for (let i = 2; existsSync(free); i++) free = `${folder}-${i}`;
  return free;
}

/** A name for a run of which only the configuration is known: its game. */
export function nameOf({ environment }: Config): string {
  if (environment.kind === 'gymnasium')
    return environment.env.replace(/^.*[:/]/, '').replaceAll(/[^\w.-]/g, '_');
  if (environment.kind !== 'procgen') return environment.kind;
  return environment.games.length === 1 ? (environment.games[0] ?? 'procgen') : 'procgen';
}
