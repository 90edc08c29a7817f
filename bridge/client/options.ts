/** What it takes to start a worker. No default here: `src/config` decides. */

export interface WorkerOptions {
  /** The Python interpreter itself, not a shim that starts one. */
  readonly python: string;
  /** The folder from which `srwm.worker` is imported. */
  readonly pythonPath: string;
  /** Threads of torch and of every numeric library under it. */
  readonly threads: number;
  /**
   * Memory that the worker offers for large tensors, where the system has such memory; 0 offers none. It is taken from
   * the machine only as far as tensors fill it, and then kept.
   */
  readonly arenaBytes: number;
  /** Further variables for the worker; they win over those of this process. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where everything that the worker prints is kept; null keeps only the last lines. */
  readonly logFile: string | null;
  readonly startTimeoutMs: number;
  /** Gives up while the worker starts; calls have signals of their own. */
  readonly startSignal?: AbortSignal;
  readonly pingIntervalMs: number;
  /** Silence, or work without progress past a deadline, for this long means hung. */
  readonly hungAfterMs: number;
  /** How long each step of the stop ladder may take. */
  readonly stopGraceMs: number;
  readonly onLog?: (line: string) => void;
}

/** Environment of the worker process; `secrets` hold the endpoints and the token. */
export function workerEnvironment(
  options: WorkerOptions,
  secrets: Readonly<Record<string, string>>,
): Record<string, string> {
  const threads = String(options.threads);
  return {
    OMP_NUM_THREADS: threads,
    MKL_NUM_THREADS: threads,
    OPENBLAS_NUM_THREADS: threads,
    // Spinning threads beside other processes cost torch five sixths of its speed (design.md 3).
    OMP_WAIT_POLICY: 'PASSIVE',
    // Large blocks stay with the process: page faults double the time of a convolution otherwise.
    MALLOC_MMAP_THRESHOLD_: '1073741824',
    MALLOC_TRIM_THRESHOLD_: '10737418240',
    MALLOC_TOP_PAD_: '67108864',
    PYTHONUNBUFFERED: '1',
    // The order of sets of strings must not differ between two runs.
    PYTHONHASHSEED: '0',
    // A file torch.py or random.py in the folder of the user must not shadow a module.
    PYTHONSAFEPATH: '1',
    ...options.environment,
    PYTHONPATH: options.pythonPath,
    ...secrets,
  };
}
