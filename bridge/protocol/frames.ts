/** The frames of one message: preamble, header, tensors. Numbers here are the protocol; both sides use them. */
import { SrwmError } from './errors.ts';

export const PROTOCOL_MAJOR = 1;
/** A larger frame makes libzmq drop the connection without a word, so both sides refuse it first. */
export const MAX_FRAME_BYTES = 2 ** 30;
export const MAX_FRAMES = 4096;
export const PREAMBLE_BYTES = 16;
const MAGIC = 0x4d575253; // "SRWM" read as a little-endian u32.

/** Kinds of message; the first eight travel on `control` (READY on `work`), the rest on `work`. */
export const kinds = {
  HELLO: 1,
  WELCOME: 2,
  READY: 3,
  PING: 4,
  PONG: 5,
  CANCEL: 6,
  SHUTDOWN: 7,
  BYE: 8,
  REQUEST: 16,
  REPLY: 17,
  ERROR: 18,
} as const;
export type Kind = keyof typeof kinds;

const kindNames = new Map<number, Kind>(Object.entries(kinds).map(([name, value]) => [value, name as Kind]));

export interface Preamble {
  readonly kind: Kind;
  readonly epoch: number;
  /** Frames of the message, this one included. */
  readonly frames: number;
}

/** Sixteen bytes: magic, major u8, kind u8, flags u16, epoch u32, frame count u16, reserved u16; little endian. */
export function encodePreamble(preamble: Preamble): Buffer {
  const bytes = Buffer.alloc(PREAMBLE_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt8(PROTOCOL_MAJOR, 4);
  bytes.writeUInt8(kinds[preamble.kind], 5);
  bytes.writeUInt32LE(preamble.epoch, 8);
  bytes.writeUInt16LE(preamble.frames, 12);
  return bytes;
}

/** The preamble of a received message. Throws PROTOCOL_VERSION for another major, PROTOCOL_HEADER for garbage. */
export function decodePreamble(frames: readonly Buffer[]): Preamble {
  const bytes = frames[0];
  if (bytes === undefined || bytes.length !== PREAMBLE_BYTES || bytes.readUInt32LE(0) !== MAGIC) {
    const got = bytes === undefined ? 'no frame' : `${bytes.length} bytes ${bytes.toString('hex', 0, 16)}`;
    throw new SrwmError('PROTOCOL_HEADER', `message: must open with a 16-byte srwm preamble, got ${got}.`);
  }
  const major = bytes.readUInt8(4);
  if (major !== PROTOCOL_MAJOR) {
    throw new SrwmError(
      'PROTOCOL_VERSION',
      `message: protocol major must be ${PROTOCOL_MAJOR}, got ${major} from the worker.`,
    );
  }
  const kind = kindNames.get(bytes.readUInt8(5));
  const count = bytes.readUInt16LE(12);
  if (kind === undefined || count !== frames.length || count < 2) {
    throw new SrwmError(
      'PROTOCOL_HEADER',
      `message: kind and frame count must be valid, got kind ${bytes.readUInt8(5)} and ${count} for ${frames.length} frames.`,
    );
  }
  return { kind, epoch: bytes.readUInt32LE(8), frames: count };
}
