/** Every way in which set-up fails, one function each. */
import { SrwmError } from '../../bridge/protocol/errors.ts';

const INSTALL_PYTHON =
  'Install Python 3.11 to 3.13 (Debian, Ubuntu: "apt install python3 python3-venv"; macOS: "brew install python@3.13"), or name one: SRWM_PYTHON=/path/to/python3.';

/** What one candidate for Python turned out to be. */
export interface RejectedPython {
  readonly command: string;
  /** `null` when no such command exists. */
  readonly problem: string | null;
}

/** No candidate fits; `named` is true when SRWM_PYTHON chose it. */
export function noPython(rejected: readonly RejectedPython[], named: boolean): SrwmError {
  const found = rejected.filter((one) => one.problem !== null).map((one) => `${one.command} ${one.problem}`);
  const absent = rejected.filter((one) => one.problem === null).map((one) => one.command);
  const parts = [...found, ...(absent.length > 0 ? [`no ${absent.join(', ')} on the PATH`] : [])];
  const source = named ? ', set by SRWM_PYTHON' : '';
  return new SrwmError(
    'SETUP_PYTHON',
    `setup: Python 3.11 or newer is required, got ${parts.join('; ')}${source}.`,
    {
      remedy: named
        ? `Set SRWM_PYTHON to a Python 3.11 to 3.13, or unset it. ${INSTALL_PYTHON}`
        : INSTALL_PYTHON,
      detail: { rejected },
    },
  );
}

/** `.venv` belongs to the user. */
export function foreignVenv(venv: string, packages: readonly string[]): SrwmError {
  const some = packages.slice(0, 4).join(', ');
  return new SrwmError(
    'SETUP_VENV_FOREIGN',
    `setup: ${venv} must be absent or made by srwm, got an environment with ${packages.length} packages of its own (${some}${packages.length > 4 ? ', ...' : ''}).`,
    { detail: { venv, packages } },
  );
}

/** A file or folder cannot be written. */
export function unwritable(place: string, cause: unknown): SrwmError {
  return new SrwmError('SETUP_UNWRITABLE', `setup: ${place} must be writable, got "${reasonOf(cause)}".`, {
    cause,
  });
}

/** No space is left where `place` lies. */
export function diskFull(place: string, cause: unknown): SrwmError {
  return new SrwmError('SETUP_DISK_FULL', `setup: ${place} needs more space, got "${reasonOf(cause)}".`, {
    cause,
  });
}

/** Turns a fault of the file system into a sentence; anything else comes back unchanged. */
export function fileFault(error: unknown, place: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return diskFull(place, error);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
      return unwritable(place, error);
    default:
      return error;
  }
}

interface Symptom {
  readonly pattern: RegExp;
  readonly code: 'SETUP_DISK_FULL' | 'SETUP_UNWRITABLE' | 'SETUP_CHECKSUM' | 'SETUP_DOWNLOAD';
  readonly requirement: string;
}

// Ordered: a full disk also breaks downloads, and a wrong hash is reported beside the address it came from.
const symptoms: readonly Symptom[] = [
  {
    pattern: /no space left on device|os error 28|errno 28|disk quota exceeded/i,
    code: 'SETUP_DISK_FULL',
    requirement: 'needs more space on the disk',
  },
  {
    pattern: /hash mismatch|do not match the hashes|checksum|sha256 .*(differs|mismatch)/i,
    code: 'SETUP_CHECKSUM',
    requirement: 'must match the hashes of the lock file',
  },
  {
    pattern:
      /name resolution|name or service not known|dns error|failed to lookup|connection refused|error sending request|client error \(connect\)|newconnectionerror|network is unreachable|max retries exceeded|timed out|connection reset|failed to fetch|could not connect|tunnel connection failed|from versions: none/i,
    code: 'SETUP_DOWNLOAD',
    requirement: 'must reach the package index',
  },
  {
    pattern: /permission denied|read-only file system|os error 13|errno 13|errno 30/i,
    code: 'SETUP_UNWRITABLE',
    requirement: 'must be able to write',
  },
];

/** A program that set-up ran has failed: its own words choose the code. */
export function stepFailed(
  step: string,
  title: string,
  tail: readonly string[],
  how: string,
  log: string,
): SrwmError {
  const text = tail.join('\n');
  const quoted = tail
    .slice(-6)
    .map((line) => `    ${line}`)
    .join('\n');
  const symptom = symptoms.find((one) => one.pattern.test(text));
  const words = quoted === '' ? how : `${how}:\n${quoted}\n  All of it is in ${log}.`;
  const detail = { step, tail };
  if (symptom !== undefined) {
    const ask = `setup: ${title} ${symptom.requirement}, got ${words}`;
    const remedy =
      symptom.code === 'SETUP_CHECKSUM'
        ? 'Something changed the file on its way: clear the download cache ("uv cache clean"), check the mirror or proxy, and run "srwm setup" again.'
        : undefined;
    return new SrwmError(symptom.code, ask, { detail, ...(remedy === undefined ? {} : { remedy }) });
  }
  const code = step === 'packages' || step === 'installer' ? 'SETUP_PACKAGES' : 'SETUP_STEP';
  return new SrwmError(code, `setup: ${title} must succeed, got ${words}`, { detail });
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
