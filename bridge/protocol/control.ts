/** Messages of the `control` channel, and READY, which opens `work`. */
import { z } from 'zod';

const count = z.int().min(0);

export const deviceSchema = z
  .strictObject({ name: z.string(), kind: z.enum(['cpu', 'cuda']), description: z.string() })
  .meta({
    id: 'Device',
    description: 'A device that torch can use; `name` is what `hardware.device` takes.',
  });
export type Device = z.infer<typeof deviceSchema>;

export const arenaSchema = z
  .strictObject({ fd: count, size: z.int().min(1) })
  .meta({ id: 'ArenaPlace', description: 'A file descriptor of the worker, and the bytes behind it.' });
export type ArenaPlace = z.infer<typeof arenaSchema>;

export const controlSchemas = {
  HELLO: z
    .strictObject({ token: z.string(), pid: z.int().min(1), python: z.string(), protocol_hash: z.string() })
    .meta({ id: 'Hello', description: 'Worker to driver: first message, before torch is imported.' }),
  WELCOME: z.strictObject({ protocol_hash: z.string() }).meta({
    id: 'Welcome',
    description: 'Driver to worker: accepted; the epoch of the session is in the preamble.',
  }),
  READY: z
    .strictObject({
      token: z.string(),
      torch: z.string().nullable(),
      numpy: z.string().nullable(),
      threads: z.int().min(1),
      devices: z.array(deviceSchema),
      ops_hash: z.string(),
      /**
       * Memory of the worker that its driver writes large tensors into. It begins with the token, in a page of its own.
       * Null where the system has no such memory, or the driver asked for none: then every tensor is a frame.
       */
      arena: arenaSchema.nullable(),
    })
    .meta({
      id: 'Ready',
      description: 'Worker to driver, on `work`: handlers are loaded, requests may come.',
    }),
  PING: z.strictObject({ sequence: count }).meta({ id: 'Ping', description: 'Driver to worker.' }),
  PONG: z
    .strictObject({
      sequence: count,
      request: z.int().min(1).nullable(),
      phase: z.string(),
      progress: count,
      busy_seconds: z.number().min(0),
    })
    .meta({
      id: 'Pong',
      description: 'Worker to driver: the request it works on, and a counter that moves while work is done.',
    }),
  CANCEL: z
    .strictObject({ request: z.int().min(1) })
    .meta({ id: 'Cancel', description: 'Driver to worker: nobody waits for this request any more.' }),
  SHUTDOWN: z
    .strictObject({})
    .meta({ id: 'Shutdown', description: 'Driver to worker: on `control` stop what runs, on `work` leave.' }),
  BYE: z
    .strictObject({ code: z.string(), message: z.string(), remedy: z.string(), traceback: z.string() })
    .meta({ id: 'Bye', description: 'Either side: the session ends before it began, and why.' }),
} as const;

export type ControlKind = keyof typeof controlSchemas;
export type ControlMessage<K extends ControlKind> = z.output<(typeof controlSchemas)[K]>;
export type Pong = ControlMessage<'PONG'>;
export type HelloMessage = ControlMessage<'HELLO'>;
export type ReadyMessage = ControlMessage<'READY'>;
