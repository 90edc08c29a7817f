/** House rules that no tool knows: file size, words, machine paths. Each returns its findings as `file:line: text`. */
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';

const MOST_LINES = 400;
const SOURCE = /\.(ts|js|cjs|mjs|py|cpp|c|h|cu)$/;
const GENERATED = /(_gen|\.gen)\.|\/generated\/|\/golden\//;
const BINARY = /\.(npy|npz|png|zip|safetensors|gz|bin)$/;

function trackedFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
  });
  return listed.split('\0').filter((file) => file !== '' && existsSync(file) && lstatSync(file).isFile());
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n');
}

/** Returns hand-written files that are longer than one reason to change usually needs. */
export function tooLong(): string[] {
  return trackedFiles()
    .filter((file) => SOURCE.test(file) && !GENERATED.test(file))
    .map((file) => ({ file, lines: linesOf(file).length - 1 }))
    .filter(({ lines }) => lines > MOST_LINES)
    .map(({ file, lines }) => `${file}: ${lines} lines, at most ${MOST_LINES} are allowed`);
}

const ALGORITHMS = /(^|[^a-z])(impala|v_?trace|ppo)([^a-z]|$)/i;

/** Returns places where Python knows a training algorithm: decisions belong in src. */
export function algorithmWords(): string[] {
  const files = trackedFiles().filter((file) => /^(bridge\/worker|kernels|envs)\/.*\.py$/.test(file));
  return findLines(files, ALGORITHMS);
}

// Built from parts, so that this file does not find itself.
const MACHINE = new RegExp(`(^|[^A-Za-z0-9._-])/(${['root', 'work', 'farm'].join('|')})/`);
// What names a package server, whichever it is: npm's key for where a package came from, pip's options, a packed file.
const PACKED = ['tgz', 'whl', 'zip', 'tar\\.gz'].join('|');
const SERVER_WORDS = [
  ['"resolved', '":'],
  ['index', '-url'],
  ['find', '-links'],
  ['https?:', '//\\S+\\.', `(${PACKED})\\b`],
];
const REGISTRY = new RegExp(SERVER_WORDS.map((parts) => parts.join('')).join('|'));

/** Returns machine paths anywhere and registry addresses in lock files. */
export function machinePaths(): string[] {
  const files = trackedFiles().filter((file) => !BINARY.test(file));
  const locks = files.filter((file) => /lock/.test(file));
  return [...findLines(files, MACHINE), ...findLines(locks, REGISTRY)];
}

/** Returns promises left in the code. */
export function unkeptPromises(): string[] {
  const words = new RegExp(
    `\\b(${['TO', 'FIX', 'XX'].map((start, i) => start + ['DO', 'ME', 'X'][i]).join('|')})\\b`,
  );
  return findLines(
    trackedFiles().filter((file) => SOURCE.test(file)),
    words,
  );
}

function findLines(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    linesOf(file).flatMap((line, index) =>
      pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 120)}`] : [],
    ),
  );
}
