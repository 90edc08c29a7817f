/** Driver and worker joined: two channels in a private folder, one process, one token, one epoch. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { decodeHeader, encodeHeader } from '../protocol/codec.ts';
import {
  controlSchemas,
  type ArenaPlace,
  type ControlKind,
  type ControlMessage,
} from '../protocol/control.ts';
import { envelopeSchemas, isPlainReply, type ErrorHeader, type ReplyHeader } from '../protocol/envelope.ts';
import { decodePreamble, encodePreamble, type Kind } from '../protocol/frames.ts';
import { Arena } from './arena.ts';
import { Channel } from './channel.ts';
import { invalidMessage } from './failures.ts';
import type { WorkerOptions } from './options.ts';
import { ownedBytes, type HostTensor } from './tensors.ts';
import { WorkerProcess } from './worker-process.ts';

/** Longer paths do not fit a socket address (108 bytes on Linux, 104 on macOS). */
const MAX_FOLDER_LENGTH = 80;

/** Below it a frame is as quick. */
const ARENA_FROM_BYTES = 2 ** 18;

/** A tensor on its way: where it is, and its bytes where they are a frame. */
export interface PlacedTensor {
  readonly spec: Pick<HostTensor, 'dtype' | 'shape'> & { readonly offset: number | null };
  readonly frame: Buffer | null;
}

/** A message of the worker whose header has the form of its kind. */
export type Incoming =
  | { readonly kind: 'HELLO'; readonly header: ControlMessage<'HELLO'> }
  | { readonly kind: 'READY'; readonly header: ControlMessage<'READY'> }
  | { readonly kind: 'PONG'; readonly header: ControlMessage<'PONG'> }
  | { readonly kind: 'BYE'; readonly header: ControlMessage<'BYE'> }
  | { readonly kind: 'REPLY'; readonly header: ReplyHeader; readonly tensors: readonly Buffer[] }
  | { readonly kind: 'ERROR'; readonly header: ErrorHeader };

export interface Receiver {
  readonly onMessage: (message: Incoming, bytes: number) => void;
  /** The connection cannot be used any more. */
  readonly onFailure: (error: unknown) => void;
}

// The core type: comparing schemas with all their methods takes the type checker seconds.
const incomingSchemas: Readonly<Partial<Record<Kind, z.core.$ZodType>>> = {
  HELLO: controlSchemas.HELLO,
  READY: controlSchemas.READY,
  PONG: controlSchemas.PONG,
  BYE: controlSchemas.BYE,
  REPLY: envelopeSchemas.REPLY,
  ERROR: envelopeSchemas.ERROR,
};

export class Link {
  readonly token = randomBytes(32).toString('hex');
  /** Identifies the session: messages of another one are dropped. HELLO and its answer come before it. */
  readonly epoch = randomBytes(4).readUInt32LE();
  /** Of a request without tensors: nearly all are, and a buffer for each would be most of their garbage. */
  readonly #plainPreamble = encodePreamble({ kind: 'REQUEST', epoch: this.epoch, frames: 2 });
  readonly #folder: string | null;
  readonly #removeFolderAtExit: () => void;
  #control!: Channel;
  #work!: Channel;
  #process!: WorkerProcess;
  #arena: Arena | null = null;
  #receiver: Receiver;

  private constructor(folder: string | null, receiver: Receiver) {
    this.#folder = folder;
    this.#receiver = receiver;
    this.#removeFolderAtExit = () => {
      if (folder !== null) rmSync(folder, { recursive: true, force: true });
    };
    process.once('exit', this.#removeFolderAtExit);
  }

  /** Binds both channels and starts the process. */
  static async open(options: WorkerOptions, receiver: Receiver): Promise<Link> {
    const link = new Link(await privateFolder(), receiver);
    try {
      link.#control = await link.#bind('control');
      link.#work = await link.#bind('work');
      link.#process = await WorkerProcess.spawn(options, {
        SRWM_CONTROL_ENDPOINT: link.#control.endpoint,
        SRWM_WORK_ENDPOINT: link.#work.endpoint,
        SRWM_TOKEN: link.token,
        SRWM_ARENA_BYTES: String(options.arenaBytes),
      });
    } catch (error) {
      await link.close();
      throw error;
    }
    return link;
  }

  get process(): WorkerProcess {
    return this.#process;
  }

  /** Hands the messages that come from now on to another receiver. */
  setReceiver(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  /** Large tensors go there from now on, where the worker offers it and this process can reach it. */
  openArena(pid: number, place: ArenaPlace | null): void {
    this.#arena = Arena.open(pid, place, this.token, (line) => this.#process.note(line));
  }

  /** Copies the bytes of a tensor to where the worker finds them: nobody else can write to them from now on. */
  place(tensor: HostTensor): PlacedTensor {
    const { dtype, shape, data } = tensor;
    const offset = data.byteLength < ARENA_FROM_BYTES ? null : (this.#arena?.write(data) ?? null);
    return { spec: { dtype, shape, offset }, frame: offset === null ? ownedBytes(tensor) : null };
  }

  /** Gives back the places of tensors that were not sent. */
  takeBack(placed: readonly PlacedTensor[]): void {
    this.#arena?.free(placed.flatMap(({ spec }) => spec.offset ?? []));
  }

  sendControl<K extends ControlKind>(kind: K, message: ControlMessage<K>): void {
    this.#control.send(this.#frames(kind, message));
  }

  /** SHUTDOWN behind every request: the worker leaves when it comes to it. */
  sendLastWork(): void {
    this.#work.send(this.#frames('SHUTDOWN', {}));
  }

  /** Sends one request; `header` is encoded already so that a bad value fails at its caller. */
  sendRequest(header: Buffer, tensors: readonly Buffer[]): void {
    const frames = 2 + tensors.length;
    const isPlain = tensors.length === 0;
    const preamble = isPlain
      ? this.#plainPreamble
      : encodePreamble({ kind: 'REQUEST', epoch: this.epoch, frames });
    this.#work.send([preamble, header, ...tensors]);
  }

  /** Ends the process by force, closes both channels, removes the folder. */
  async close(): Promise<void> {
    // Fields are unset when opening failed half-way.
    const opened: Partial<Record<'control' | 'work', Channel>> & { process?: WorkerProcess } = {
      control: this.#control,
      work: this.#work,
      process: this.#process,
    };
    opened.control?.close();
    opened.work?.close();
    this.#arena?.close();
    this.#arena = null;
    await opened.process?.destroy();
    process.off('exit', this.#removeFolderAtExit);
    if (this.#folder !== null) await rm(this.#folder, { recursive: true, force: true });
  }

  #bind(name: string): Promise<Channel> {
    const address = this.#folder === null ? 'tcp://127.0.0.1:*' : `ipc://${join(this.#folder, name)}`;
    return Channel.bind(address, {
      onMessage: (frames) => this.#receive(frames),
      onFailure: (error) => this.#receiver.onFailure(error),
    });
  }

  #frames(kind: ControlKind, message: object): Buffer[] {
    return [encodePreamble({ kind, epoch: this.epoch, frames: 2 }), encodeHeader(message)];
  }

  #receive(frames: Buffer[]): void {
    try {
      const { kind, epoch } = decodePreamble(frames);
      if (epoch !== this.epoch && kind !== 'HELLO') return;
      const schema = incomingSchemas[kind];
      if (schema === undefined) throw invalidMessage(kind, 'a kind that only the driver sends');
      const header = valid(kind, schema, decodeHeader(frames[1] as Buffer));
      if (kind === 'REPLY' || kind === 'ERROR') this.#arena?.free((header as ReplyHeader).freed);
      let bytes = 0;
      for (const frame of frames) bytes += frame.length;
      const message = { kind, header, tensors: frames.slice(2) } as Incoming;
      this.#receiver.onMessage(message, bytes);
    } catch (error) {
      this.#receiver.onFailure(error);
    }
  }
}

/** A header that has the form of its kind. Throws PROTOCOL_HEADER. */
function valid(kind: Kind, schema: z.core.$ZodType, header: unknown): unknown {
  if (kind === 'REPLY' && isPlainReply(header)) return header;
  const parsed = z.safeParse(schema, header);
  if (!parsed.success) throw invalidMessage(kind, z.prettifyError(parsed.error));
  return parsed.data;
}

/** A folder that only this user can enter; null where sockets cannot live in one, then loopback serves. */
async function privateFolder(): Promise<string | null> {
  if (process.platform === 'win32' || tmpdir().length > MAX_FOLDER_LENGTH) return null;
  return mkdtemp(join(tmpdir(), 'srwm-'));
}
