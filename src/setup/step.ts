/** What a step of set-up is and what it may use. */
import { type ChildOptions, type ChildResult, runChild } from './child.ts';
import { stepFailed } from './faults.ts';
import { readable } from './json-line.ts';
import type { Journal } from './journal.ts';
import type { Places, ProcessEnvironment } from './places.ts';

export type StepName = 'venv' | 'installer' | 'packages' | 'modules' | 'procgen' | 'kernels' | 'check';

/** The state that set-up is to reach. */
export interface Goal {
  readonly places: Places;
  readonly environment: ProcessEnvironment;
  /** Also what the project's own checks need. */
  readonly dev: boolean;
}

/** What a running step may use. */
export interface Tools {
  readonly signal: AbortSignal;
  /** Hands a line of progress to whoever watches. */
  readonly say: (line: string) => void;
  /** Keeps a partly finished step across a stop. */
  readonly save: (journal: Journal) => void;
  /** Runs a program, logs and hands on its lines; a failure is thrown as a sentence. */
  readonly run: (file: string, args: readonly string[]) => Promise<ChildResult>;
  /** The same, for a step that reads the failure itself. */
  readonly attempt: (file: string, args: readonly string[]) => Promise<ChildResult>;
  /** The error for a failed program. */
  readonly failed: (result: ChildResult) => Error;
}

/** One step: cheap to ask whether it is done, safe to repeat. */
export interface Step {
  readonly name: StepName;
  readonly title: string;
  readonly isDone: (journal: Journal, goal: Goal) => boolean;
  /** Returns the journal with this step's entry. */
  readonly run: (journal: Journal, goal: Goal, tools: Tools) => Promise<Journal>;
}

/** Returns the tools of one step; `log` receives every line that its programs print. */
export function toolsOf(
  step: Step,
  goal: Goal,
  signal: AbortSignal,
  say: (line: string) => void,
  save: (journal: Journal) => void,
  log: { readonly file: string; readonly write: (line: string) => void },
): Tools {
  const options: ChildOptions = {
    cwd: goal.places.package,
    environment: goal.environment,
    signal,
    onLine: (line) => {
      log.write(line);
      const text = readable(line);
      if (text !== '') say(text);
    },
  };
  const attempt = (file: string, args: readonly string[]): Promise<ChildResult> => {
    log.write(`$ ${[file, ...args.map((arg) => (arg.includes('\n') ? '...' : arg))].join(' ')}`);
    return runChild(file, args, options);
  };
  const failed = (result: ChildResult): Error =>
    stepFailed(step.name, step.title, result.tail, result.how, log.file);
  const run = async (file: string, args: readonly string[]): Promise<ChildResult> => {
    const result = await attempt(file, args);
    if (!result.ok) throw failed(result);
    return result;
  };
  return { signal, say, save, run, attempt, failed };
}
