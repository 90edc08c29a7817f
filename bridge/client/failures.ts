/** Every way in which the bridge fails, one function each. */
import {
  RemoteError,
  SrwmError,
  WorkerLost,
  type RemoteFailure,
  type WorkerExit,
} from '../protocol/errors.ts';

/** Who was waiting: names the request in a message. */
export interface PendingCall {
  readonly id: number;
  readonly verb: string;
}

const TAIL_LINES_IN_MESSAGE = 20;

function tail(exit: WorkerExit): string {
  const lines = exit.logTail.slice(-TAIL_LINES_IN_MESSAGE);
  return lines.length === 0 ? ' It printed nothing.' : ` Last lines of its log:\n  ${lines.join('\n  ')}`;
}

function howItEnded(exit: WorkerExit): string {
  if (exit.signal !== null) return `was ended by ${exit.signal}`;
  return exit.exitCode === null ? 'ended' : `exited with code ${exit.exitCode}`;
}

function answering(call: PendingCall | null): string {
  return call === null ? 'while idle' : `while answering ${call.verb} (request ${call.id})`;
}

export function workerLost(exit: WorkerExit, call: PendingCall | null): WorkerLost {
  const memory =
    exit.signal === 'SIGKILL'
      ? {
          remedy:
            'Likely out of memory: lower train.batchSize or train.unrollLength. "srwm resume" goes on from the last checkpoint.',
        }
      : {};
  return new WorkerLost(
    'WORKER_LOST',
    `worker: must stay alive, but ${howItEnded(exit)} ${answering(call)}.${tail(exit)}`,
    exit,
    memory,
  );
}

export function workerSilent(silentMs: number, exit: WorkerExit, call: PendingCall | null): WorkerLost {
  return new WorkerLost(
    'WORKER_HUNG',
    `worker: must answer a ping, got none for ${Math.round(silentMs)} ms ${answering(call)}.${tail(exit)}`,
    exit,
  );
}

export function workerStuck(call: PendingCall, phase: string, stillMs: number, exit: WorkerExit): WorkerLost {
  return new WorkerLost(
    'WORKER_HUNG',
    `worker: ${call.verb} (request ${call.id}) must make progress, got none for ${Math.round(stillMs)} ms past its deadline, in phase "${phase}".${tail(exit)}`,
    exit,
  );
}

export function workerNotFound(python: string, cause: unknown, exit: WorkerExit): WorkerLost {
  return new WorkerLost('WORKER_START', `worker: Python must be at ${python}, got nothing that runs.`, exit, {
    remedy: 'Run "srwm setup".',
    cause,
  });
}

export function workerNeverCame(exit: WorkerExit): WorkerLost {
  return new WorkerLost(
    'WORKER_START',
    `worker: must greet its driver, but ${howItEnded(exit)} first.${tail(exit)}`,
    exit,
  );
}

export function workerSlowToStart(timeoutMs: number, stage: string, exit: WorkerExit): WorkerLost {
  return new WorkerLost(
    'WORKER_START',
    `worker: must be ready within ${timeoutMs} ms, got no ${stage} until then.${tail(exit)}`,
    exit,
    { remedy: 'Start again when the machine is less busy, or run "srwm doctor".' },
  );
}

/** The worker said BYE: it runs, but cannot serve. */
export function workerRefused(
  bye: {
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
    readonly traceback: string;
  },
  exit: WorkerExit,
): WorkerLost {
  return new WorkerLost('WORKER_START', bye.message, exit, {
    remedy: bye.remedy,
    detail: { remoteCode: bye.code, traceback: bye.traceback },
  });
}

export function wrongToken(): SrwmError {
  return new SrwmError('PROTOCOL_TOKEN', 'worker: must know the token of this run, got another.');
}

export function wrongHash(ours: string, theirs: string): SrwmError {
  return new SrwmError(
    'PROTOCOL_VERSION',
    `worker: must be built from protocol ${ours.slice(0, 12)}, got ${theirs.slice(0, 12)}.`,
  );
}

export function invalidMessage(kind: string, issues: string): SrwmError {
  return new SrwmError('PROTOCOL_HEADER', `${kind}: must match its schema, got ${issues}.`);
}

export function invalidReply(verb: string, issues: string): SrwmError {
  return new SrwmError('PROTOCOL_BODY', `${verb}: reply must match its schema, got ${issues}.`, {
    remedy: 'Install driver and worker from one release.',
  });
}

export function deadlineExceeded(call: PendingCall, deadlineMs: number, phase: string): SrwmError {
  return new SrwmError(
    'DEADLINE_EXCEEDED',
    `worker: ${call.verb} (request ${call.id}) must end within ${deadlineMs} ms, got no reply; phase "${phase}".`,
    { detail: { ...call, deadlineMs, phase } },
  );
}

export function requestCancelled(call: PendingCall): SrwmError {
  return new SrwmError(
    'REQUEST_CANCELLED',
    `worker: ${call.verb} (request ${call.id}) was cancelled by its caller.`,
    {
      detail: { ...call },
    },
  );
}

export function workerClosed(verb: string): SrwmError {
  return new SrwmError('WORKER_CLOSED', `worker: must be open for ${verb}, got one that was closed.`);
}

export function remoteFailure(failure: RemoteFailure, call: PendingCall | null): RemoteError {
  return new RemoteError(failure, { ...call });
}

/** A fault of the connection itself; what the bridge says about a message keeps its own code. */
export function connectionBroken(error: unknown): SrwmError {
  if (error instanceof SrwmError) return error;
  return new SrwmError('WORKER_LOST', `worker: the connection must work, got ${String(error)}.`, {
    cause: error,
  });
}
