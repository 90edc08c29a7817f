/** The only writer to the terminal: results to stdout, everything for people to stderr when stdout carries JSON. */

export interface Output {
  readonly json: boolean;
  readonly debug: boolean;
  /** True when a person watches: progress may redraw lines. */
  readonly interactive: boolean;
  /** Prints the result: `value` as one line of JSON with --json, else `text`. */
  readonly result: (value: unknown, text: string) => void;
  /** Prints one JSON line with --json and nothing without: for commands whose result is a stream. */
  readonly record: (value: unknown) => void;
  /** Prints a line for people: stdout, or stderr with --json. */
  readonly say: (text: string) => void;
  /** Prints a line for people that is never part of a result: always stderr. */
  readonly note: (text: string) => void;
  readonly style: Style;
}

export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

export interface OutputStreams {
  readonly stdout: { write: (text: string) => unknown; readonly isTTY?: boolean };
  readonly stderr: { write: (text: string) => unknown; readonly isTTY?: boolean };
}

export interface OutputOptions extends OutputStreams {
  readonly json: boolean;
  readonly debug: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Returns the output of one invocation. */
export function createOutput(options: OutputOptions): Output {
  const { stdout, stderr, json, debug, environment } = options;
  const people = json ? stderr : stdout;
  const colour = people.isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
  const line = (stream: OutputStreams['stdout'], text: string): void => {
    stream.write(text.endsWith('\n') ? text : `${text}\n`);
  };
  return {
    json,
    debug,
    interactive: !json && stdout.isTTY === true && !environment['CI'] && environment['TERM'] !== 'dumb',
    result: (value, text) => line(stdout, json ? toJson(value) : text),
    record: (value) => {
      if (json) line(stdout, toJson(value));
    },
    say: (text) => line(people, text),
    note: (text) => line(stderr, text),
    style: styleOf(colour),
  };
}

/** 64-bit seeds are bigints; JSON has only numbers and strings. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => {
    if (typeof one !== 'bigint') return one;
    return one >= Number.MIN_SAFE_INTEGER && one <= Number.MAX_SAFE_INTEGER ? Number(one) : one.toString();
  });
}

function styleOf(colour: boolean): Style {
  const wrap = (open: number, close: number) => (text: string) =>
    colour ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: wrap(1, 22),
    dim: wrap(2, 22),
    red: wrap(31, 39),
    green: wrap(32, 39),
    yellow: wrap(33, 39),
  };
}
