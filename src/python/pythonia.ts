/** The one place that knows pythonia: starts its interpreter in our environment and hands out its process. */
import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';

/** What is used of pythonia; its own types are `any`. */
interface Pythonia {
  readonly python: (file: string) => Promise<{ readonly ffid: number }>;
  readonly com: Channel;
}

/** pythonia's way to its process: one line of JSON there, and each line that comes back with the same `r`. */
interface Channel {
  proc: ChildProcess | null;
  start(): void;
  writeRaw(line: string, r: string, onAnswer: (answer: LineAnswer) => void): void;
}

interface LineAnswer {
  readonly key: string;
  readonly val: unknown;
  /** The traceback, where `key` is "error". */
  readonly sig: string;
}

/** The functions of facade.py: JSON text in, JSON text out. */
export interface Facade {
  settle(text: string): Promise<string>;
  answer(text: string): Promise<string>;
}

export interface PythoniaProcess {
  readonly child: ChildProcess;
  /** Loads a Python file of ours. */
  readonly load: (file: string) => Promise<Facade>;
  /** The folder of pythonia's own Python files. */
  readonly folder: string;
  /** Lets pythonia start another process next time. */
  readonly forget: () => void;
}

const NAME = 'pythonia';

/**
 * Starts an interpreter. pythonia starts one when it is loaded, from variables of this process: they are set for that
 * moment only, which no other code can see since nothing here waits.
 */
export function startPythonia(environment: Readonly<Record<string, string | undefined>>): PythoniaProcess {
  const require = createRequire(import.meta.url);
  const file = require.resolve(NAME);
  const loaded = file in require.cache;
  const pythonia = withEnvironment(environment, () => {
    const module = require(NAME) as Pythonia;
    if (loaded) module.com.start();
    return module;
  });
  const child = pythonia.com.proc;
  if (child === null) throw new Error('internal: pythonia started no process');
  // Its timer frees references to Python objects, of which there is one a loaded file. It would keep Node alive, and
  // after the interpreter's end it would write to nobody: an uncaught error in the middle of somebody's training.
  const bridge = (globalThis as { __pythonBridge?: { loop: NodeJS.Timeout } }).__pythonBridge;
  clearInterval(bridge?.loop);
  return {
    child,
    load: async (source) => {
      const { ffid } = await pythonia.python(source);
      return {
        settle: functionOf(pythonia.com, ffid, 'settle'),
        answer: functionOf(pythonia.com, ffid, 'answer'),
      };
    },
    folder: path.dirname(file),
    forget: () => {
      if (pythonia.com.proc === child) pythonia.com.proc = null;
    },
  };
}

/**
 * A function of a loaded file, called by the line that pythonia's own proxy would write. The proxy makes a class, two
 * functions and a walk over the arguments of each call: a fifth of the time of a small one.
 */
function functionOf(channel: Channel, ffid: number, name: string): (text: string) => Promise<string> {
  let calls = 0;
  return (text) =>
    new Promise((resolve, reject) => {
      // pythonia numbers its own requests: no text is one of them.
      const r = `${name} ${(calls += 1)}`;
      const line = `{"r":"${r}","action":"pcall","ffid":${ffid},"key":["${name}"],"val":[[${JSON.stringify(text)}],{}]}`;
      channel.writeRaw(line, r, ({ key, val, sig }) => {
        if (key === 'string') resolve(val as string);
        else reject(new Error(sig));
      });
    });
}

function withEnvironment<T>(changes: Readonly<Record<string, string | undefined>>, work: () => T): T {
  const before = Object.keys(changes).map((name) => [name, process.env[name]] as const);
  const set = ([name, value]: readonly [string, string | undefined]): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  Object.entries(changes).forEach(set);
  try {
    return work();
  } finally {
    before.forEach(set);
  }
}
