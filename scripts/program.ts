/** Runs the programs of `npm run check` and `npm test` and hands on what they print. */
import { execa } from 'execa';

export interface ProgramResult {
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: number;
}

export interface ProgramOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Prints each line as it comes, with this word before it; without it the output is only returned. */
  readonly streamAs?: string;
}

/** Runs one program from the repository's root; never throws for its failure. */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const start = performance.now();
  const lines: string[] = [];
  const child = execa(file, args, {
    preferLocal: true,
    stdin: 'ignore',
    all: true,
    buffer: false,
    reject: false,
    env: { NO_COLOR: '1', ...options.environment },
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  });
  const read = async (): Promise<void> => {
    for await (const line of child.iterable({ from: 'all' })) {
      lines.push(line);
      if (options.streamAs !== undefined) console.log(`${options.streamAs} | ${line}`);
    }
  };
  const [result] = await Promise.all([child, read().catch(() => {})]);
  if (result.timedOut) lines.push(`no end after ${(options.timeoutMs ?? 0) / 1000} s`);
  if (result.failed && result.exitCode === undefined) lines.push(result.shortMessage ?? 'did not start');
  return { ok: !result.failed, output: lines.join('\n'), seconds: (performance.now() - start) / 1000 };
}
