/** Every error code of the system: what it means and how to mend it. A new failure is one entry here. */

import { driverCodes } from './driver-codes.ts';
import type { ErrorCodeEntry } from './code-entry.ts';

export type { ErrorCodeEntry };

export const errorCodes = {
  CONFIG_UNKNOWN_PRESET: {
    meaning: 'No preset has this name.',
    remedy: 'Run "srwm presets" for the list.',
  },
  CONFIG_UNKNOWN_KEY: {
    meaning: 'A config key does not exist.',
    remedy: 'Run "srwm describe <preset>" for every key.',
  },
  CONFIG_INVALID: {
    meaning: 'A config value is outside what its key allows.',
    remedy: 'Correct the value where the message says it was set.',
  },
  CONFIG_TYPES: {
    meaning: "A .ts file does not pass TypeScript's type check.",
    remedy: 'Correct the line that the message names, or run with --skip-types.',
  },
  CONFIG_FILE: {
    meaning: 'A config file could not be loaded.',
    remedy: 'Make the file default-export a config from defineRun(...) or an async function.',
  },
  USAGE_INVALID: {
    meaning: 'The command line was not understood.',
    remedy: 'Run the command with --help.',
  },

  GRAPH_SHAPE: {
    meaning: 'Shapes of a traced operation do not fit.',
    remedy: 'Change the operand that the message names.',
  },
  GRAPH_DTYPE: {
    meaning: 'Element types of a traced operation do not fit.',
    remedy: 'Convert the operand that the message names.',
  },
  GRAPH_ARGUMENT: {
    meaning: 'An argument of a traced operation is outside what it takes.',
    remedy: 'Correct the argument that the message names.',
  },
  GRAPH_CAPTURE: {
    meaning: 'A traced operation was given a tensor of another trace.',
    remedy: 'Make it an input of the traced function, or pass it to scan in constants.',
  },
  GRAPH_NAME: {
    meaning: 'Two parameters, inputs or outputs of a graph share a name.',
    remedy: 'Give one of them its own name.',
  },
  GRAPH_TOO_LARGE: {
    meaning: 'A graph has more operations, or a value more elements, than any program needs.',
    remedy: 'Write a loop over time with scan, and reduce before you broadcast.',
  },
  GRAPH_NO_GRADIENT: {
    meaning: 'A loss depends on no parameter, so that there is nothing to train.',
    remedy:
      'Compute the loss from outputs of the model, without stopGradient, argmax or comparisons between.',
  },
  GRAPH_INVALID: {
    meaning: 'A graph breaks a rule of its form.',
    remedy: 'Trace it again with this version of srwm.',
  },
  GRAPH_TRACE: {
    meaning: 'A traced value was used as if it held numbers.',
    remedy: 'Use a traced operation instead of JavaScript control flow or arithmetic.',
  },
  GRAPH_UNKNOWN: {
    meaning: 'The worker has no graph of this hash.',
    remedy: 'Send the graph with load_graph first.',
  },
  GRAPH_UNKNOWN_OP: {
    meaning: 'The worker cannot lower an operation of the graph.',
    remedy: 'Update the worker: its op table is older than the tracer.',
  },
  GRAPH_INPUT: {
    meaning: 'An input of a graph is missing, unknown, or has another shape or dtype.',
    remedy: 'Bind every input of the graph, with the shapes it was traced for.',
  },
  GRAPH_FAILED: {
    meaning: 'A node of a graph failed while it ran.',
    remedy: 'Look at the TypeScript line that the message names.',
  },

  WORKER_START: {
    meaning: 'The worker process did not come up.',
    remedy: 'Run "srwm doctor" to see what is missing.',
  },
  WORKER_LOST: {
    meaning: 'The worker process ended while it was needed.',
    remedy: 'Read the last lines of its log; "srwm resume" goes on from the last checkpoint.',
  },
  WORKER_HUNG: {
    meaning: 'The worker stopped answering, or a request passed its deadline without progress.',
    remedy: 'Run "srwm resume" to go on from the last checkpoint.',
  },
  WORKER_CLOSED: {
    meaning: 'The worker was closed on purpose while a request was pending, or before it was made.',
    remedy: 'Await every call before close().',
  },
  WORKER_INTERNAL: {
    meaning: 'The worker met an error it has no sentence for.',
    remedy: 'Run again with --debug and report the Python traceback.',
  },
  WORKER_MEMORY: {
    meaning: 'The worker ran out of memory.',
    remedy: 'Lower train.batchSize or train.unrollLength.',
  },
  WORKER_DEVICE: {
    meaning: 'The device that was asked for is not there.',
    remedy: 'Set hardware.device to auto, or to a device that "srwm doctor" lists.',
  },
  DEADLINE_EXCEEDED: {
    meaning: 'A request was not answered before its deadline.',
    remedy: 'Raise the deadline or send less work in one request.',
  },
  REQUEST_CANCELLED: {
    meaning: 'A request was cancelled by its caller.',
    remedy: 'Nothing to mend: the caller asked for it.',
  },
  REQUEST_INVALID: {
    meaning: 'A request asks for something that the worker cannot do in its present state.',
    remedy: 'Correct the request where the message says.',
  },
  REQUEST_CONFLICT: {
    meaning: 'An apply expected another version of the parameters.',
    remedy: 'Send each update once, in order.',
  },

  PROTOCOL_VERSION: {
    meaning: 'Driver and worker speak different versions of the protocol.',
    remedy: 'Install both from one release: run "npm ci" and "srwm setup".',
  },
  PROTOCOL_HEADER: {
    meaning: 'A message has no valid preamble or header.',
    remedy: 'Report this: both sides come from one release, so it should not happen.',
  },
  PROTOCOL_BODY: {
    meaning: 'The body of a message does not match its schema.',
    remedy: 'Correct the field that the message names.',
  },
  PROTOCOL_VERB: {
    meaning: 'The worker knows no verb of this name.',
    remedy: 'Install driver and worker from one release.',
  },
  PROTOCOL_VALUE: {
    meaning: 'A value cannot travel in a message header.',
    remedy: 'Send numbers, strings, plain objects and lists; send tensors as frames.',
  },
  PROTOCOL_TENSOR: {
    meaning: 'The bytes of a tensor frame do not fit its dtype and shape.',
    remedy: 'Make the data as long as its shape and dtype say.',
  },
  PROTOCOL_SIZE: {
    meaning: 'A message is larger than the protocol allows.',
    remedy: 'Send the tensor in smaller parts.',
  },
  PROTOCOL_TOKEN: {
    meaning: 'A process without the token of this run tried to join.',
    remedy: 'Let the driver start its own worker.',
  },

  TENSOR_FILE: {
    meaning: 'A file of tensors cannot be read or written.',
    remedy: 'Give a whole .safetensors file and a folder that can be written.',
  },

  HANDLE_UNKNOWN: {
    meaning: 'The worker holds nothing of this name.',
    remedy: 'Create it before use; check the spelling.',
  },
  HANDLE_RELEASED: {
    meaning: 'A tensor of the worker was used after it was released.',
    remedy: 'Release a handle after its last use; with `await using`, keep it inside the block.',
  },
  HANDLE_EXISTS: {
    meaning: 'The worker already holds something of this name.',
    remedy: 'Use another name.',
  },

  ENV_UNKNOWN_KIND: {
    meaning: 'No pool has this kind.',
    remedy: 'Use procgen, catch, recall or gymnasium.',
  },
  ENV_UNKNOWN_GAME: {
    meaning: 'ProcGen has no game of this name.',
    remedy: 'Use one of the games that the message lists.',
  },
  ENV_UNKNOWN_MODE: {
    meaning: 'The game has no such distribution mode.',
    remedy: 'Use one of the modes that the message lists.',
  },
  ENV_OPTION: {
    meaning: 'An option of an environment pool is outside its range.',
    remedy: 'Correct the option that the message names.',
  },
  ENV_NO_LEVELS: {
    meaning: 'Levels were chosen for an environment that has none.',
    remedy: 'Use ProcGen, or evaluate by episodes.',
  },
  ENV_ACTION: {
    meaning: 'Actions do not fit the pool.',
    remedy: 'Send one action in range for each slot of the group.',
  },
  ENV_LIBRARY_CHECKSUM: {
    meaning: 'A downloaded file of ProcGen has another checksum than the lock.',
    remedy: 'Delete the cache folder that the message names and run srwm setup again.',
  },
  ENV_PLATFORM: {
    meaning:
      "ProcGen's native library runs on Linux x86-64 only, hosts of Gymnasium environments on Linux and macOS.",
    remedy: 'Train a toy game: srwm train tiny.',
  },
  ENV_ORDER: {
    meaning: 'A pool was used out of order: send, then receive, and not after close.',
    remedy: 'Report this: the worker keeps the order.',
  },
  ENV_HOST_LOST: {
    meaning: 'A process that hosts environments ended.',
    remedy: 'Run "srwm resume" to go on from the last checkpoint.',
  },
  ENV_HOST_HUNG: {
    meaning: 'A process that hosts environments stopped answering.',
    remedy: 'Run "srwm resume" to go on from the last checkpoint.',
  },
  ENV_LIBRARY_MISSING: {
    meaning: 'The native library of ProcGen is missing or cannot be loaded.',
    remedy: 'Run "srwm setup".',
  },
  ENV_STATE: {
    meaning: 'A saved environment state does not fit the pool.',
    remedy: 'Restore it into a pool of the same games, options and slots.',
  },

  ENV_IMPORT: {
    meaning: 'An environment could not be found, imported or made.',
    remedy: 'Correct environment.env or environment.kwargs.',
  },
  ENV_SPACE: {
    meaning: 'The observations or actions of an environment have a form that no policy here takes.',
    remedy: 'Wrap the environment so that its observations are Box or Discrete, and its actions Discrete.',
  },
  ENV_RAISED: {
    meaning: 'An environment raised an exception.',
    remedy: 'Mend the line that the message names.',
  },
  ENV_RESULT: {
    meaning: 'An environment returned what the interface of Gymnasium does not allow.',
    remedy: 'Return what the message asks for.',
  },
  ENV_TIMEOUT: {
    meaning: 'An environment did not return in time.',
    remedy: 'Mend the environment, or raise environment.timeoutSeconds.',
  },
  ENV_DIED: {
    meaning: 'The process of an environment ended.',
    remedy: 'Mend what the message shows of its last output.',
  },
  ENV_UNREPEATABLE: {
    meaning: 'An environment showed something else for the same seed and actions.',
    remedy: 'Draw random numbers from self.np_random only, and keep nothing from one episode to the next.',
  },

  KERNEL_UNSUPPORTED: {
    meaning: 'An implementation of an op cannot serve these sizes or this device.',
    remedy: 'Set the implementation to "auto".',
  },
  KERNEL_INPUT: {
    meaning: 'Inputs of a kernel have the wrong shape, dtype or device.',
    remedy: 'Correct the input that the message names.',
  },
  KERNEL_BUILD: {
    meaning: 'An implementation of a kernel could not be built.',
    remedy: 'Run "srwm doctor"; the reference implementation still works.',
  },

  NUMERICS_NONFINITE: {
    meaning: 'A loss or gradient became NaN or infinite.',
    remedy: 'Lower train.learningRate and resume from the last good checkpoint.',
  },
  NUMERICS_ASSERTION: {
    meaning: 'A tensor that debug.assertFinite looks at held NaN or infinity; the update was not applied.',
    remedy: 'Look at the lines that the message names; debug.print shows what their values are.',
  },

  RUN_EXISTS: {
    meaning: 'The run directory holds another run already.',
    remedy: 'Choose another --run directory, or resume that run.',
  },
  RUN_MISSING: {
    meaning: 'There is no run in this directory.',
    remedy: 'Give the directory that "srwm train" printed.',
  },
  RUN_FOREIGN: {
    meaning: 'The directory was not written by srwm, or by another version of it.',
    remedy: 'Give the directory that "srwm train" printed.',
  },
  RUN_LOCKED: {
    meaning: 'Another process is using this run directory.',
    remedy: 'Wait for it or stop it.',
  },
  RUN_UNWRITABLE: {
    meaning: 'The run directory cannot be written.',
    remedy: 'Choose another --run directory or free some disk space.',
  },
  RUN_ABANDONED: {
    meaning: 'A run was left before its end, so it has no result.',
    remedy: 'Iterate it to its end, or stop it with a signal.',
  },
  RUN_OWN_PARTS: {
    meaning: 'A run was trained with parts of a file, and that file is gone or has changed.',
    remedy: 'Put the file back: the run holds a copy of it.',
  },
  RUN_CURRICULUM: {
    meaning: 'A curriculum failed, or chose what no slot can play.',
    remedy: 'Mend the function that was given to curriculum(...).',
  },
  RUN_SCRIPT: {
    meaning: "The function of a person's own .ts file failed.",
    remedy: 'Look at the line that the message names.',
  },
  RUN_EVALUATION: {
    meaning: 'An evaluation could not be completed.',
    remedy: 'Raise evaluation.maxEpisodeSteps, or look at what the agent does.',
  },
  RECORD_IMAGES: {
    meaning: 'Observations that are no images cannot be recorded to video.',
    remedy:
      'Record a run whose observations are images: uint8, [height, width] or [height, width, 1, 3 or 4 channels].',
  },
  RECORD_WRITE: {
    meaning: 'A video could not be written.',
    remedy: 'Give yourself write access and space there, or name another folder with --out.',
  },
  RUN_CHECKPOINT: {
    meaning: 'A checkpoint is incomplete or damaged.',
    remedy: 'Resume from an older checkpoint.',
  },

  SETUP_PYTHON: {
    meaning: 'No fitting Python was found.',
    remedy: 'Install Python 3.11 to 3.13 and run "srwm setup" again.',
  },
  SETUP_PACKAGES: {
    meaning: 'The Python packages could not be installed.',
    remedy: 'Look at the last lines above; check the network and the disk.',
  },
  SETUP_DOWNLOAD: {
    meaning: 'A download did not succeed.',
    remedy: 'Check the network and run "srwm setup" again: it goes on where it stopped.',
  },
  SETUP_CHECKSUM: {
    meaning: 'A downloaded file is not the one that was expected.',
    remedy: 'Delete the file that the message names and run "srwm setup" again.',
  },
  SETUP_PLATFORM: {
    meaning: 'This machine cannot run the part that was asked for.',
    remedy: 'ProcGen needs Linux x86-64; the toy games train elsewhere.',
  },
  SETUP_LOCKED: {
    meaning: 'Another set-up is running.',
    remedy: 'Wait for it to finish.',
  },
  SETUP_UNWRITABLE: {
    meaning: 'A folder that set-up needs cannot be written.',
    remedy: 'Give yourself write access to the folder, or run in another one.',
  },
  SETUP_DISK_FULL: {
    meaning: 'The disk is full.',
    remedy:
      'Free some space (set-up needs about 12 GB) and run "srwm setup" again: it goes on where it stopped.',
  },
  SETUP_VENV_FOREIGN: {
    meaning: 'The folder .venv holds a Python environment that srwm did not make.',
    remedy: 'Move it away, or run srwm in a folder with a package.json of its own.',
  },
  SETUP_STEP: {
    meaning: 'A step of set-up failed.',
    remedy: 'Read the lines that the message quotes; "srwm doctor" says what this machine lacks.',
  },
  SETUP_NOT_BUILT: {
    meaning: 'The compiled form of the package is missing.',
    remedy: 'Run "npm run build".',
  },

  ...driverCodes,
} as const satisfies Record<string, ErrorCodeEntry>;

/** A code of the table above. */
export type ErrorCode = keyof typeof errorCodes;
