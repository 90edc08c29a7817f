/** Two ways to show set-up: plain lines for logs and pipes, a redrawn list on a terminal. */
import { setupSteps, type SetupEvent, type StepName } from '../setup/index.ts';
import type { Output } from './output.ts';

export interface SetupProgress {
  readonly onEvent: (event: SetupEvent) => void;
  /** Ends the display; `error` is what stopped set-up, or null. */
  readonly end: (error: unknown) => Promise<void>;
}

const LINE_EVERY_MS = 1_000;

/** A line when a step starts and ends, and at most one a second between. */
export function lineProgress(output: Output): SetupProgress {
  let last = 0;
  return {
    onEvent: (event) => {
      switch (event.type) {
        case 'waiting':
          output.note(`set-up: process ${event.pid} is setting up the same folder; waiting for it`);
          break;
        case 'step':
          last = performance.now();
          output.note(`set-up: ${event.title} ...`);
          break;
        case 'line':
          if (performance.now() - last < LINE_EVERY_MS) break;
          last = performance.now();
          output.note(`set-up:   ${event.text}`);
          break;
        case 'step_done':
          output.note(`set-up: ${event.title}: done in ${event.seconds.toFixed(1)} s`);
          break;
      }
    },
    end: async () => {},
  };
}

interface Row {
  readonly finished: Promise<void>;
  readonly finish: () => void;
  readonly fail: (error: unknown) => void;
}

function createRow(): Row {
  let finish!: () => void;
  let fail!: (error: unknown) => void;
  const finished = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  return { finished, finish, fail };
}

/** A row a step, with the newest line of its program below it; nothing is drawn when there is nothing to do. */
export function listProgress(): SetupProgress {
  const rows = new Map<StepName, Row>(setupSteps.map(({ name }) => [name, createRow()]));
  let shown: Promise<unknown> | null = null;
  let current: StepName | null = null;
  let write: (text: string) => void = () => {};

  const draw = async (): Promise<void> => {
    const { Listr } = await import('listr2');
    const tasks = setupSteps.map(({ name, title }) => ({
      title,
      task: async (_: unknown, task: { output: string }): Promise<void> => {
        write = (text) => {
          task.output = text;
        };
        await rows.get(name)?.finished;
      },
    }));
    // The error is printed once, by the command line.
    const rendererOptions = { showErrorMessage: false };
    await new Listr(tasks, { registerSignalListeners: false, concurrent: false, rendererOptions }).run();
  };
  const finishUntil = (name: StepName | null): void => {
    for (const step of setupSteps) {
      if (step.name === name) return;
      rows.get(step.name)?.finish();
    }
  };
  return {
    onEvent: (event) => {
      switch (event.type) {
        case 'waiting':
          shown ??= draw().catch(() => {});
          write(`process ${event.pid} is setting up the same folder; waiting for it`);
          break;
        case 'step':
          current = event.step;
          finishUntil(event.step);
          // The error itself is thrown by set-up; the list only shows where it happened.
          shown ??= draw().catch(() => {});
          break;
        case 'line':
          write(event.text);
          break;
        case 'step_done':
          rows.get(event.step)?.finish();
          break;
      }
    },
    end: async (error) => {
      if (error === null) finishUntil(null);
      else if (shown !== null) rows.get(current ?? 'venv')?.fail(error);
      await shown;
    },
  };
}
