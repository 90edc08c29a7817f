/** One ROUTER socket: one reader loop, one writer queue, and frames that nobody else writes. */
import type { Router } from 'zeromq';
import { MAX_FRAME_BYTES } from '../protocol/frames.ts';

const ROUTING_ID = Buffer.from('worker');
const SEND_LIMIT_MESSAGES = 256;

export interface ChannelEvents {
  /** Frames of a message of the worker, its routing id removed. */
  readonly onMessage: (frames: Buffer[]) => void;
  readonly onFailure: (error: unknown) => void;
}

/** A socket with its peer `worker`; messages of other peers are dropped. */
export class Channel {
  readonly #socket: Router;
  readonly #events: ChannelEvents;
  readonly #queue: Buffer[][] = [];
  #isWriting = false;
  #isClosed = false;
  #endpoint = '';

  private constructor(socket: Router, events: ChannelEvents) {
    this.#socket = socket;
    this.#events = events;
  }

  /** Binds to `address`; `endpoint` is what the worker connects to. */
  static async bind(address: string, events: ChannelEvents): Promise<Channel> {
    const zmq = await import('zeromq');
    // Otherwise a message that nobody fetches keeps the process from ending.
    zmq.context.blocky = false;
    const socket = new zmq.Router({
      linger: 0,
      // Without it a message to a worker that is not there vanishes.
      mandatory: true,
      sendHighWaterMark: SEND_LIMIT_MESSAGES,
      receiveHighWaterMark: 0,
      maxMessageSize: MAX_FRAME_BYTES,
    });
    const channel = new Channel(socket, events);
    await socket.bind(address);
    channel.#endpoint = socket.lastEndpoint ?? address;
    void channel.#read();
    return channel;
  }

  get endpoint(): string {
    return this.#endpoint;
  }

  /** Sends a message behind those before it. Frames must not be written to afterwards. */
  send(frames: readonly Buffer[]): void {
    if (this.#isClosed) return;
    const message = [ROUTING_ID, ...frames];
    if (this.#isWriting) this.#queue.push(message);
    else this.#write(message);
  }

  /** Ends both loops; what is still queued is dropped. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#socket.close();
  }

  /** A second `send` beside one that waits would throw EBUSY, so the next begins when this one has ended. */
  #write(message: Buffer[]): void {
    this.#isWriting = true;
    this.#socket.send(message).then(this.#onSent, this.#onSendFailure);
  }

  readonly #onSent = (): void => {
    this.#isWriting = false;
    const next = this.#queue.shift();
    if (next !== undefined) this.#write(next);
  };

  readonly #onSendFailure = (error: unknown): void => {
    this.#isWriting = false;
    if (!this.#isClosed) this.#events.onFailure(error);
  };

  async #read(): Promise<void> {
    while (!this.#isClosed) {
      let frames: Buffer[];
      try {
        frames = await this.#socket.receive();
      } catch (error) {
        // close() ends a pending receive with EAGAIN.
        if (!this.#isClosed) this.#events.onFailure(error);
        return;
      }
      if (isWorker(frames.shift())) this.#events.onMessage(frames);
    }
  }
}

/** Byte by byte: a call of Node's own comparison takes longer than so few. */
function isWorker(id: Buffer | undefined): boolean {
  return id !== undefined && id.length === ROUTING_ID.length && ROUTING_ID.every((byte, i) => byte === id[i]);
}
