/** Looks at everything that a run needs and says the mend for each fault. Works before set-up too. */
import { existsSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { runChild } from './child.ts';
import { readJournal, type Journal } from './journal.ts';
import { findCompiler, procgenObstacle } from './native-steps.ts';
import { findPlaces, type Places, type ProcessEnvironment } from './places.ts';
import { findPython } from './python.ts';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  /** What to do, or null when there is nothing to do. */
  readonly remedy: string | null;
}

export interface Examination {
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

export interface ExamineOptions {
  readonly cwd: string;
  readonly environment: ProcessEnvironment;
  readonly signal: AbortSignal;
  /** Whether set-up has nothing left to do. */
  readonly isSetUp: boolean;
}

const SET_UP = 'Run "npx srwm setup".';
const NODE_OLDEST: readonly [number, number] = [20, 19];
const GIB = 2 ** 30;
const SETUP_GIB = 12;
const RUN_GIB = 1;
const SHARED_MEMORY_MIB = 64;
const PROBE_TIMEOUT_MS = 120_000;

/** What the worker's Python says about itself. */
interface TorchProbe {
  readonly torch: string;
  readonly threads: number;
  readonly devices: readonly (readonly [name: string, description: string])[];
  /** What dispatch chooses for each op on each device. */
  readonly kernels: readonly {
    readonly op: string;
    readonly device: string;
    readonly implementation: string;
    readonly reason: string;
  }[];
}

const PROBE = `
import dataclasses, json, torch
from srwm.kernels import explain
from srwm.kernels.dispatch import TABLE
cuda = [(f"cuda:{i}", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]
print(json.dumps({
    "torch": str(torch.__version__),
    "threads": torch.get_num_threads(),
    "devices": [["cpu", torch.backends.cpu.get_cpu_capability()], *cuda],
    "kernels": [
        {"device": device, **dataclasses.asdict(explain(op, device=device))}
        for op in TABLE
        for device in ["cpu", *(name for name, _ in cuda)]
    ],
}))
`;

/** Runs all checks, in the order in which a newcomer meets their subjects. */
export async function examine(options: ExamineOptions): Promise<Examination> {
  const { environment } = options;
  const places = findPlaces(options.cwd, environment);
  const journal = readJournal(places.venv) ?? { format: 1 };
  const probed = await probeTorch(places, options);
  const checks = [
    checkNode(process.versions.node),
    await checkPython(options),
    checkSetup(places, options.isSetUp),
    checkTorch(probed),
    checkDevices(probed),
    checkCompiler(environment, probed),
    checkProcgen(journal),
    checkKernels(probed),
    checkDisk(places, options.isSetUp),
    checkSharedMemory(),
  ];
  return { ok: checks.every((check) => check.ok), checks };
}

function good(name: string, found: string): Check {
  return { name, ok: true, found, remedy: null };
}

function bad(name: string, found: string, remedy: string): Check {
  return { name, ok: false, found, remedy };
}

function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fits = major > NODE_OLDEST[0] || (major === NODE_OLDEST[0] && minor >= NODE_OLDEST[1]);
  const found = `Node ${version}`;
  return fits ? good('node', found) : bad('node', found, `Install Node ${NODE_OLDEST.join('.')} or newer.`);
}

async function checkPython(options: ExamineOptions): Promise<Check> {
  try {
    const python = await findPython(options.environment, options.signal);
    return good('python', `Python ${python.version} (${python.path})`);
  } catch (error) {
    if (error instanceof SrwmError) return bad('python', error.message.replace(/^setup: /, ''), error.remedy);
    throw error;
  }
}

function checkSetup(places: Places, isSetUp: boolean): Check {
  if (isSetUp) return good('setup', `complete (${places.venv})`);
  const found = existsSync(places.venv) ? `not finished (${places.venv})` : `not done (no ${places.venv})`;
  return bad('setup', found, `${SET_UP} Commands that need it do so by themselves.`);
}

type Probed = { readonly report: TorchProbe } | { readonly fault: string };

async function probeTorch(places: Places, options: ExamineOptions): Promise<Probed> {
  if (!existsSync(places.venvPython)) return { fault: 'not installed: set-up was not run' };
  const result = await runChild(places.venvPython, ['-c', PROBE], {
    cwd: places.package,
    environment: { ...options.environment, SRWM_CACHE: places.cache },
    signal: options.signal,
    timeoutMs: PROBE_TIMEOUT_MS,
  });
  if (!result.ok) return { fault: `not usable: ${result.tail.at(-1) ?? result.how}` };
  return { report: JSON.parse(result.stdout.at(-1) ?? 'null') as TorchProbe };
}

function checkTorch(probed: Probed): Check {
  if ('fault' in probed) return bad('torch', probed.fault, SET_UP);
  return good('torch', `torch ${probed.report.torch}, ${probed.report.threads} threads`);
}

function checkDevices(probed: Probed): Check {
  if ('fault' in probed) return bad('devices', 'unknown without torch', SET_UP);
  return good('devices', probed.report.devices.map(([name, about]) => `${name} (${about})`).join(', '));
}

/** Only what is not compiled yet needs a compiler: an image carries the kernels without one. */
function checkCompiler(environment: ProcessEnvironment, probed: Probed): Check {
  const compiler = findCompiler(environment);
  if (compiler !== null) return good('compiler', compiler);
  if (!environment['CXX'] && 'report' in probed && isCompiled(probed.report.kernels))
    return good('compiler', 'none, and none is needed: the kernels are compiled');
  const named = environment['CXX']
    ? `CXX=${environment['CXX']} is not a program`
    : 'no c++, g++ or clang++ on the PATH';
  return bad(
    'compiler',
    named,
    'Install a C++ compiler (Debian, Ubuntu: "apt install g++"): without it kernels are slow.',
  );
}

function checkProcgen(journal: Journal): Check {
  const obstacle = procgenObstacle(process.platform, process.arch);
  if (obstacle !== null) return good('procgen', obstacle);
  const entry = journal.procgen;
  if (entry === undefined || entry.library === null) return bad('procgen', 'library not fetched', SET_UP);
  if (!existsSync(entry.library)) return bad('procgen', `library is gone from ${entry.library}`, SET_UP);
  const stubs = entry.stubs ? ', with stubs in place of libglib' : '';
  return good(
    'procgen',
    `library verified, sha256 ${(entry.sha256 ?? '').slice(0, 12)}${stubs} (${entry.library})`,
  );
}

function checkKernels(probed: Probed): Check {
  if ('fault' in probed) return bad('kernels', 'unknown without torch', SET_UP);
  const { kernels } = probed.report;
  const found = kernels
    .map((one) => `${one.op} on ${one.device}: ${one.implementation}, ${one.reason}`)
    .join('; ');
  if (isCompiled(kernels)) return good('kernels', found);
  return bad(
    'kernels',
    found,
    `Mend the compiler if it is at fault, then: ${SET_UP} Until then the reference serves, slowly.`,
  );
}

function isCompiled(kernels: TorchProbe['kernels']): boolean {
  return kernels.every((one) => one.device !== 'cpu' || one.implementation !== 'reference');
}

function checkDisk(places: Places, isSetUp: boolean): Check {
  const needed = isSetUp ? RUN_GIB : SETUP_GIB;
  const free = freeBytes(places.project) / GIB;
  const found = `${free.toFixed(1)} GiB free in ${places.project}`;
  return free >= needed
    ? good('disk', found)
    : bad('disk', found, `Free some space: ${needed} GiB are needed.`);
}

function checkSharedMemory(): Check {
  if (process.platform !== 'linux') return good('shared_memory', `provided by ${process.platform}`);
  if (!existsSync('/dev/shm')) return bad('shared_memory', 'no /dev/shm', 'Mount a tmpfs at /dev/shm.');
  const free = freeBytes('/dev/shm') / 2 ** 20;
  const found = `${Math.round(free)} MiB free in /dev/shm`;
  if (free >= SHARED_MEMORY_MIB) return good('shared_memory', found);
  return bad('shared_memory', found, 'Give it more, in a container for instance with --shm-size=256m.');
}

function freeBytes(folder: string): number {
  const status = statfsSync(path.resolve(folder));
  return status.bavail * status.bsize;
}
