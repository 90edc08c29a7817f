/**
 * `npm run check:container`: lints the Dockerfile, builds it and uses the image, without a container engine: buildah runs
 * each step in a chroot, over a base made from this machine. Needs root, apt and about 25 GB of disk, and takes
 * some ten minutes; elsewhere it lints and says what it left out.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { makeBase, must } from './container-base.ts';
import { runProgram } from './program.ts';

const IMAGE = 'localhost/srwm-check';
const BASE = 'localhost/srwm-check-base';
const TOOLS = ['buildah', 'debootstrap'];

interface ImageConfig {
  readonly User: string;
  readonly WorkingDir: string;
  readonly Entrypoint: readonly string[];
  readonly Env: readonly string[];
}

function say(text: string): void {
  console.log(`container | ${text}`);
}

async function stage(name: string, work: () => Promise<void>): Promise<void> {
  const start = performance.now();
  say(`${name} ...`);
  await work();
  say(`${name}: ok (${((performance.now() - start) / 1000).toFixed(0)} s)`);
}

function require(condition: boolean, requirement: string, got: string): void {
  if (!condition) throw new Error(`container: ${requirement}, got:\n${got}`);
}

/** Why the image cannot be built here, or null. */
function obstacle(): string | null {
  if (process.platform !== 'linux') return `it needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'it needs root, for chroot';
  if (!existsSync('/usr/bin/apt-get')) return 'it needs apt-get, for buildah and debootstrap';
  return null;
}

async function installTools(): Promise<void> {
  const missing = TOOLS.filter((tool) => !existsSync(`/usr/bin/${tool}`) && !existsSync(`/usr/sbin/${tool}`));
  if (missing.length === 0) return;
  await must('apt-get', 'update', '--quiet=2');
  await must('apt-get', 'install', '--yes', '--quiet=2', '--no-install-recommends', ...TOOLS, 'crun');
}

async function build(): Promise<void> {
  const words = ['build', '--isolation', 'chroot', '--layers=false', '--tag', IMAGE];
  const bases = ['NODE_IMAGE', 'PYTHON_IMAGE'].flatMap((name) => ['--build-arg', `${name}=${BASE}`]);
  // Downloads only: what is installed is the same with an empty cache.
  const cache = path.join(process.env['HOME'] ?? '/root', '.cache', 'uv');
  // Set-up runs as the image's root, before the user is made.
  const inside = path.posix.join('/', 'root', '.cache', 'uv');
  const volume = existsSync(cache) ? ['--volume', `${cache}:${inside}`] : [];
  const result = await runProgram('buildah', [...words, ...bases, ...volume, '.'], { streamAs: 'build' });
  require(result.ok, 'the image must build', result.output.slice(-2_000));
}

/** Runs what `docker run IMAGE <words>` would: the image's own entrypoint, user, folder and variables. */
function command(container: string, config: ImageConfig, words: readonly string[]): string[] {
  // No engine, so that tini is not the first process: it has to be told to look after orphans all the same.
  const environment = [...config.Env, 'TINI_SUBREAPER=1'].flatMap((pair) => ['--env', pair]);
  return [
    'run',
    '--isolation',
    'chroot',
    '--user',
    config.User,
    '--workingdir',
    config.WorkingDir,
    ...environment,
    container,
    '--',
    ...config.Entrypoint,
    ...words,
  ];
}

async function use(): Promise<void> {
  const container = (await must('buildah', 'from', IMAGE)).trim();
  try {
    const inspected = JSON.parse(await must('buildah', 'inspect', '--type', 'container', container)) as {
      OCIv1: { config: ImageConfig };
    };
    const { config } = inspected.OCIv1;
    require(config.User !== '' && config.User !== 'root', 'the image must not run as root', config.User);
    const run = (...words: string[]) => runProgram('buildah', command(container, config, words));

    const doctor = await run('doctor');
    require(doctor.ok, '"srwm doctor" must find nothing missing', doctor.output);

    // The whole of `docker run srwm train quickstart`, on real ProcGen, for fewer steps than the preset's.
    const trained = await run(
      'train',
      'quickstart',
      '--set',
      'train.totalEnvSteps=40000',
      '--set',
      'evaluation.atEnd=false',
    );
    require(trained.ok, '"srwm train quickstart" must train', trained.output);
    say(trained.output.split('\n').at(-1) ?? '');

    await stopOrderly(container, config);
  } finally {
    await must('buildah', 'rm', container);
  }
}

/** `docker stop` sends SIGTERM to the first process: Node must hear it and end in order. */
async function stopOrderly(container: string, config: ImageConfig): Promise<void> {
  const marker = 'runs/stopped';
  const child = execa('buildah', command(container, config, ['train', 'quickstart', '--run', marker]), {
    reject: false,
    all: true,
  });
  let isTraining = false;
  let signalled = false;
  const lines: string[] = [];
  for await (const line of child.iterable({ from: 'all' })) {
    lines.push(line);
    isTraining ||= /env steps|steps\/s|update/i.test(line);
    if (!isTraining || signalled) continue;
    signalled = true;
    await sleep(1_000);
    const below = descendants(child.pid ?? 0);
    const init = below.find(({ words }) => /^(\S*\/)?tini /.test(words));
    require(init !== undefined, 'tini must be the first process', below.map(({ words }) => words).join('\n'));
    process.kill(init?.pid ?? 0, 'SIGTERM');
  }
  const result = await child;
  const text = lines.join('\n');
  require(result.exitCode ===
    130, 'a stopped run must exit with 130', `${result.exitCode}: ${text.slice(-2_000)}`);
  require(text.includes('srwm resume'), 'a stopped run must say how to go on', text.slice(-2_000));
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Its command line. */
  readonly words: string;
}

/** Returns what `pid` has started, and what that has. */
function descendants(pid: number): Process[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name): Process[] => {
      try {
        const parent = Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1]);
        const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(name), parent, words }];
      } catch {
        // It ended while it was looked at.
        return [];
      }
    });
  const below = (parent: number): Process[] =>
    all.filter((one) => one.parent === parent).flatMap((one) => [one, ...below(one.pid)]);
  return below(pid);
}

const lint = await runProgram(path.join('.venv', 'bin', 'hadolint'), ['Dockerfile']);
require(lint.ok, 'hadolint must find nothing', lint.output);
say('lint: ok');
const reason = obstacle();
if (reason !== null) {
  say(
    `skipped: building and running the image; ${reason}. Elsewhere: docker build -t srwm . && docker run srwm train quickstart`,
  );
} else {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-container-'));
  try {
    await stage('tools', installTools);
    await stage('a base from this machine', () => makeBase(BASE, folder));
    await stage('build', build);
    await stage('docker run srwm ...', use);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await runProgram('buildah', ['rmi', '--force', IMAGE, BASE]);
  }
}
