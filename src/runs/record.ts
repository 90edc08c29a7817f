/** Recording episodes of a run's newest checkpoint to video. What `srwm record` is. */
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { Config } from '../config/index.ts';
import {
  planRecording,
  recordEpisodes,
  type RecordingPlan,
  type RecordingRequest,
  type Video,
} from '../evaluate/index.ts';
import { setUpForScript } from '../setup/index.ts';
import {
  agentFor,
  readRecord,
  requireCheckpoint,
  Session,
  type OwnParts,
  type Places,
  type Spaces,
} from '../train/index.ts';
import { spacesOf } from './describe.ts';
import { requireState } from './evaluate.ts';
import { ownPartsOf } from './own-file.ts';
import { trainedAgent } from './trained.ts';

/** What is recorded, and where the files go; everything has a default. */
export interface RecordingOptions extends RecordingRequest {
  /** Default: `artifacts/videos/<update>` in the run directory. */
  readonly out?: string | undefined;
  readonly signal?: AbortSignal;
  /** Called with each video once its file is whole. */
  readonly onVideo?: (video: Video) => void;
}

/** What was recorded. */
export interface RecordingReport {
  readonly run: string;
  readonly update: number;
  readonly state: string;
  readonly videos: readonly Video[];
}

/**
 * Records episodes of a run's newest checkpoint as animated PNG, a file an episode. Each is played as a level ledger plays
 * it, from the state of a fresh slot, so that a video shows the episode that `evaluate` counted. Changes nothing of the run.
 * Sets the machine up first where that is not done.
 *
 * @example const { videos } = await record('runs/mine', { levels: [0, 7], play: ['greedy'] });
 * @throws SrwmError RECORD_PLAN, RECORD_IMAGES, RECORD_WRITE; RUN_MISSING, RUN_FOREIGN, RUN_CHECKPOINT and others
 */
export async function record(run: string, options: RecordingOptions = {}): Promise<RecordingReport> {
  const own = await ownPartsOf(run, readRecord(run));
  recordingPlan(readRecord(run).config, options, own);
  const signal = options.signal ?? new AbortController().signal;
  return recordRun(run, { ...options, own, signal, places: await setUpForScript(signal) });
}

/**
 * What would be recorded, checked before anything starts.
 *
 * @throws SrwmError RECORD_PLAN, RECORD_IMAGES, EVALUATE_PLAN
 */
export function recordingPlan(config: Config, request: RecordingRequest, own: OwnParts): RecordingPlan {
  const plan = planRecording(config, request);
  // What a Gymnasium environment shows is known when it has opened.
  if (config.environment.kind !== 'gymnasium') {
    const spaces = spacesOf(config.environment);
    requireImages(spaces);
    if (plan.state === 'unroll') requireState(agentFor(config, spaces, own));
  }
  return plan;
}

/** Does what was planned with the machine of a set-up. */
export async function recordRun(
  folder: string,
  options: RecordingOptions & {
    readonly places: Places;
    readonly own: OwnParts;
    readonly signal: AbortSignal;
  },
): Promise<RecordingReport> {
  const { places, own, signal, onVideo } = options;
  const { config } = readRecord(folder);
  requireCheckpoint(folder, () => undefined);
  const plan = recordingPlan(config, options, own);
  await using session = await Session.start(places, config.hardware, { logFile: null, signal });
  const { agent, checkpoint } = await trainedAgent(session, config, places, folder, own);
  const update = checkpoint.counters.updates;
  requireImages(agent);
  if (plan.state === 'unroll') requireState(agent);
  const videos: Video[] = [];
  const out = path.resolve(options.out ?? path.join(folder, 'artifacts', 'videos', String(update)));
  const about = { run: path.basename(path.resolve(folder)), update };
  for await (const video of recordEpisodes({
    session,
    config,
    places,
    agent,
    plan,
    folder: out,
    about,
    signal,
  })) {
    videos.push(video);
    onVideo?.(video);
  }
  return { run: folder, update, state: plan.state, videos };
}

/** The worker draws what it is given: here it is known what that will be. */
function requireImages({ observationShape, observationDtype }: Spaces): void {
  const [height, width, channels = 1] = observationShape;
  const isImage = height !== undefined && width !== undefined && observationShape.length <= 3;
  if (isImage && [1, 3, 4].includes(channels) && observationDtype === 'uint8') return;
  throw new SrwmError(
    'RECORD_IMAGES',
    `record: observations must be images, uint8 [height, width] or [height, width, 1, 3 or 4], got ${observationDtype} [${observationShape.join(', ')}].`,
  );
}
