/** From a new process to a worker that takes requests: HELLO, WELCOME, READY. */
import { timingSafeEqual } from 'node:crypto';
import type { HelloMessage, ReadyMessage } from '../protocol/control.ts';
import { protocolHash } from '../protocol/generated/hash.ts';
import * as failures from './failures.ts';
import { Link, type Incoming } from './link.ts';
import type { WorkerOptions } from './options.ts';

/** What the worker says about itself. */
export type Hello = Omit<HelloMessage & ReadyMessage, 'token' | 'arena'>;

/**
 * Starts a worker and greets it. Throws WORKER_START, PROTOCOL_VERSION, PROTOCOL_TOKEN or the reason of the signal, and
 * leaves nothing behind.
 */
export async function openLink(options: WorkerOptions): Promise<{ link: Link; hello: Hello }> {
  const { startSignal } = options;
  startSignal?.throwIfAborted();
  const inbox = new Inbox();
  const link = await Link.open(options, inbox);
  const timer = setTimeout(() => {
    inbox.onFailure(failures.workerSlowToStart(options.startTimeoutMs, inbox.stage, link.process.soFar));
  }, options.startTimeoutMs);
  void link.process.exited.then((exit) => inbox.onFailure(failures.workerNeverCame(exit)));
  const onAbort = (): void => inbox.onFailure(startSignal?.reason);
  startSignal?.addEventListener('abort', onAbort, { once: true });
  try {
    // Aborted while the process was being made.
    startSignal?.throwIfAborted();
    const hello = await inbox.next('HELLO', link);
    checkToken(hello.token, link.token);
    if (hello.protocol_hash !== protocolHash) throw failures.wrongHash(protocolHash, hello.protocol_hash);
    link.sendControl('WELCOME', { protocol_hash: protocolHash });
    const ready = await inbox.next('READY', link);
    checkToken(ready.token, link.token);
    link.openArena(hello.pid, ready.arena);
    const { token: _hello, ...greeting } = hello;
    const { token: _ready, arena: _arena, ...description } = ready;
    return { link, hello: { ...greeting, ...description } };
  } catch (error) {
    await link.close();
    throw error;
  } finally {
    clearTimeout(timer);
    startSignal?.removeEventListener('abort', onAbort);
  }
}

interface Greetings {
  readonly HELLO: HelloMessage;
  readonly READY: ReadyMessage;
}

/** Messages that came, in order, until the one that is waited for. */
class Inbox {
  stage = 'HELLO';
  readonly #messages: Incoming[] = [];
  #failure: { readonly error: unknown } | null = null;
  #wake: () => void = () => undefined;

  readonly onMessage = (message: Incoming): void => {
    this.#messages.push(message);
    this.#wake();
  };

  /** The first failure counts: the end of the process follows many others. */
  readonly onFailure = (error: unknown): void => {
    this.#failure ??= { error };
    this.#wake();
  };

  async next<K extends keyof Greetings>(kind: K, link: Link): Promise<Greetings[K]> {
    this.stage = kind;
    for (;;) {
      const message = this.#messages.shift();
      if (message?.kind === kind) return message.header as Greetings[K];
      if (message?.kind === 'BYE') throw failures.workerRefused(message.header, link.process.soFar);
      if (message !== undefined) throw failures.invalidMessage(message.kind, `a message before ${kind}`);
      if (this.#failure !== null) throw this.#failure.error;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function checkToken(got: string, expected: string): void {
  const [left, right] = [Buffer.from(got), Buffer.from(expected)];
  if (left.length !== right.length || !timingSafeEqual(left, right)) throw failures.wrongToken();
}
