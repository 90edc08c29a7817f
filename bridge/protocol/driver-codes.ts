/** Codes that only the driver raises: calls into a colleague's Python, and the command line. */
import type { ErrorCodeEntry } from './code-entry.ts';

export const driverCodes = {
  PYTHON_FILE: {
    meaning: "A colleague's Python file is not where it was said to be.",
    remedy: "Give a path relative to the file that calls, or new URL('./file.py', import.meta.url).",
  },
  PYTHON_IMPORT: {
    meaning: "A colleague's Python file raised an exception while it was imported.",
    remedy: 'Look at the Python line that the message names.',
  },
  PYTHON_FUNCTION: {
    meaning: 'A Python file has no function of this name.',
    remedy: 'Call one of the functions that the message lists.',
  },
  PYTHON_EXCEPTION: {
    meaning: "A colleague's Python function raised an exception.",
    remedy: 'Look at the Python line that the message names; error.detail.traceback holds all of it.',
  },
  PYTHON_VALUE: {
    meaning: 'A value cannot travel to or from Python as JSON.',
    remedy: 'Send and return numbers, text, lists and dicts.',
  },
  PYTHON_SIZE: {
    meaning: 'A call into Python carries more than a call is for.',
    remedy: 'Keep arrays in the worker as tensors, or write them to a file and pass its path.',
  },
  PYTHON_TIMEOUT: {
    meaning: 'A call into Python took longer than it may; its interpreter was ended.',
    remedy: 'Give python(file, { timeoutMs }) more time, or mend what hangs; python(...) starts anew.',
  },
  PYTHON_LOST: {
    meaning: 'The interpreter of a Python file has ended.',
    remedy: 'Read what it printed on stderr; python(file) starts a new one, without what the old one held.',
  },
  PYTHON_CLOSED: {
    meaning: 'A Python file was called after its interpreter was closed.',
    remedy: 'Await every call before the end of its "await using" and before closePython().',
  },
  PYTHON_START: {
    meaning: 'No interpreter for calls into Python could be started.',
    remedy: 'Run "srwm doctor" to see what is missing.',
  },

  EVALUATE_PLAN: {
    meaning: "What an evaluation asks for does not fit the run's environment, levels or core.",
    remedy: 'Correct the part that the message names.',
  },
  RECORD_PLAN: {
    meaning: "What a recording asks for does not fit the run's environment or levels.",
    remedy: 'Correct the part that the message names.',
  },
  COMPARE_RUNS: {
    meaning: 'Runs cannot be compared: of different games or options, or one of them named twice.',
    remedy: 'Compare runs of one environment.',
  },
  COMPARE_NO_EVALUATION: {
    meaning: 'A run has no evaluation that can be compared.',
    remedy: 'Run "srwm evaluate" on it first.',
  },
  COMPARE_EVALUATION: {
    meaning: 'A file in evaluations/ of a run is damaged.',
    remedy: 'Move the file away, and evaluate the run again.',
  },
  COMPARE_SPLITS: {
    meaning: 'Evaluations have no split in common that was played in the same way on the same levels.',
    remedy: 'Evaluate the runs with the same splits and ways of playing.',
  },
  COMPARE_FEW_EPISODES: {
    meaning: 'A run has played too few episodes of a game for an interval.',
    remedy: 'Evaluate it on more levels: "srwm evaluate" without --episodes.',
  },
  COMPARE_FEW_SEEDS: {
    meaning: 'Too few runs differ only by their seed for an interval over seeds.',
    remedy: 'Train more seeds of the same configuration: "srwm sweep".',
  },
  STATISTICS_FAILED: {
    meaning: 'The Python process that resamples for intervals failed.',
    remedy: 'Run "srwm setup"; report the message if it stays.',
  },
  SWEEP_INVALID: {
    meaning: 'What was given is no sweep.',
    remedy:
      'Write defineSweep({ runs: { name: presets.tiny() }, grid: { key: [values] }, seeds: [1, 2, 3] }).',
  },
  SWEEP_CHANGED: {
    meaning: 'A sweep was changed so that a run it has trained already would be another one.',
    remedy: 'Choose another folder, or undo the change; new seeds, runs and grid values may be added.',
  },

  CLI_UNKNOWN_COMMAND: { meaning: 'No command has this name.', remedy: 'Run "srwm --help" for the list.' },
  CLI_UNKNOWN_OPTION: {
    meaning: 'The command has no such option.',
    remedy: 'Run the command with --help for its options.',
  },
  CLI_MISSING_COMMAND: { meaning: 'No command was given.', remedy: 'Run "srwm --help" for the list.' },
  CLI_MISSING_ARGUMENT: {
    meaning: 'The command needs an argument that was not given.',
    remedy: 'Run the command with --help for its arguments.',
  },
  CLI_MISSING_VALUE: { meaning: 'An option needs a value.', remedy: 'Write the value after the option.' },
  CLI_INVALID_VALUE: {
    meaning: 'An option has a value that it does not allow.',
    remedy: 'Run the command with --help for what it allows.',
  },
  CLI_EXCESS_ARGUMENTS: {
    meaning: 'The command takes fewer arguments.',
    remedy: 'Leave the last ones out; quote an argument that contains spaces.',
  },
  CLI_USAGE: { meaning: 'The command line was not understood.', remedy: 'Run the command with --help.' },
  CLI_INTERRUPTED: { meaning: 'The person stopped the command.', remedy: 'Run the command again to go on.' },
  CLI_INTERNAL: {
    meaning: 'A fault inside srwm that it has no sentence for.',
    remedy: 'Run again with --debug and report the stack.',
  },
} as const satisfies Record<string, ErrorCodeEntry>;
