/** What `npm publish` would send, and projects that install it. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';

export const root = path.resolve(import.meta.dirname, '../..');

/** Builds where a source is newer than what `npm run build` left, and returns the packed file in `folder`. */
export async function pack(folder: string): Promise<string> {
  if (isStale()) await run('npm', ['run', '--silent', 'build'], root);
  const { stdout } = await run(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
    root,
  );
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  return path.join(folder, packed?.filename ?? '');
}

function isStale(): boolean {
  const built = path.join(root, 'dist', 'src', 'index.js');
  if (!existsSync(built)) return true;
  const newest = (folder: string): number =>
    Math.max(
      ...readdirSync(folder, { withFileTypes: true, recursive: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
        .map((entry) => statSync(path.join(entry.parentPath, entry.name)).mtimeMs),
    );
  const sources = ['src', 'bridge', 'bench'].map((name) => newest(path.join(root, name)));
  return Math.max(...sources) > statSync(built).mtimeMs;
}

/** Runs a program to its end; its output is in the error where it fails. */
export function run(file: string, words: readonly string[], cwd: string) {
  return execa(file, words, { cwd, preferLocal: true, localDir: root, stdin: 'ignore' });
}
