/** `evaluate/ledger`: every level of six games once, in many slots at once against one by one. */
import type { Episode } from '../../bridge/protocol/messages.ts';
import { parseAssignment, presetNamed, resolveConfig, type Config } from '../../src/config/index.ts';
import { playLedger, withPool } from '../../src/evaluate/index.ts';
import { agentOf, createParameters, Session, type Agent, type OpenPool } from '../../src/train/index.ts';
import type { Bench } from '../bench.ts';
import { easyConfig, SPACES } from '../program.ts';
import { CannotMeasure, comparisonRow, type Row } from '../row.ts';
import { median, takePairs } from '../statistics.ts';

const GAMES = ['bigfish', 'fruitbot', 'maze', 'leaper', 'plunder', 'starpilot'];
const LEVELS = 200;
/** That one slot plays in a pair, one after the other: other ones in each. */
const ONE_BY_ONE = 3;

/**
 * All levels of a game in a pair, the games in turn, against one slot. That slot takes its levels from the same queue, so
 * that it opens no environment a level. Both sides count the env steps of the levels that they finished.
 */
export async function ledgerRow(bench: Bench): Promise<Row> {
  if (bench.places.procgenLibrary === null) throw new CannotMeasure('ProcGen runs on Linux x86-64 only');
  const config = configOf(bench);
  await using session = await Session.start(bench.places, config.hardware, {
    logFile: null,
    signal: bench.signal,
  });
  const agent = agentOf(config.model, config.train, SPACES, false);
  await createParameters(session, agent, config.seed);
  const { numEnvs } = config.evaluation;
  const play = (game: string, slots: number, levels: readonly number[]): Promise<Played> => {
    const environment = { ...config.environment, games: [game] } as Config['environment'];
    const arena = { session, places: bench.places, config: { ...config, environment } };
    return withPool(arena, `${game}/${slots}`, slots, null, (pool) =>
      timed(session, config, agent, pool, levels, bench.signal),
    );
  };
  const all = range(0, LEVELS);
  let compared = 0;
  let differing = 0;
  const ratios: Record<string, number[]> = {};
  // Every game as often as the others.
  const count = Math.ceil(bench.pairs / GAMES.length) * GAMES.length;
  const pairs = await takePairs(count, async (oursFirst, index) => {
    const game = GAMES[index % GAMES.length] as string;
    const some = range((ONE_BY_ONE * index) % LEVELS, ONE_BY_ONE).map((level) => level % LEVELS);
    const first = oursFirst ? await play(game, numEnvs, all) : null;
    const rival = await play(game, 1, some);
    const ours = first ?? (await play(game, numEnvs, all));
    const together = new Map(ours.episodes.map((episode) => [episode.level, episode.episode_return]));
    compared += rival.episodes.length;
    differing += rival.episodes.filter((one) => together.get(one.level) !== one.episode_return).length;
    const pair = { ours: speed(ours), rival: speed(rival) };
    ratios[game] = [...(ratios[game] ?? []), pair.ours / pair.rival];
    return pair;
  });
  return comparisonRow(
    {
      name: 'evaluate/ledger',
      unit: 'env steps/s',
      better: 'higher',
      goal: 5,
      detail: {
        what: `a ledger of ${LEVELS} levels x ${GAMES.length} games, a game a pair, in ${numEnvs} slots, sampled, against one slot that plays ${ONE_BY_ONE} of the levels one by one; env steps of finished levels, opening of pools left out`,
        network: bench.full ? "procgen-easy's" : "quickstart's",
        games: Object.fromEntries(Object.entries(ratios).map(([game, own]) => [game, median(own)])),
        levels_compared_with_one_by_one: compared,
        levels_that_differ: differing,
        threads: bench.threads,
      },
    },
    pairs,
  );
}

function range(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => start + index);
}

interface Played {
  readonly episodes: readonly Episode[];
  readonly seconds: number;
}

async function timed(
  session: Session,
  config: Config,
  agent: Agent,
  pool: OpenPool,
  levels: readonly number[],
  signal: AbortSignal,
): Promise<Played> {
  const started = performance.now();
  const { maxEpisodeSteps } = config.evaluation;
  const options = {
    session,
    agent,
    pool,
    levels,
    play: 'sampled',
    seed: config.seed,
    maxEpisodeSteps,
    signal,
  } as const;
  const { episodes } = await playLedger(options);
  return { episodes, seconds: (performance.now() - started) / 1000 };
}

function speed({ episodes, seconds }: Played): number {
  return episodes.reduce((sum, { episode_length: length }) => sum + length, 0) / seconds;
}

/** With the network of `procgen-easy` a pair takes minutes on two cores. */
function configOf(bench: Bench): Config {
  const shared = [`environment.games=${GAMES.join(',')}`, `hardware.threads=${bench.threads}`];
  if (bench.full) return easyConfig('srwm', [...bench.assignments, ...shared]).config;
  const sets = [...shared, `hardware.device=${bench.device}`].map(parseAssignment);
  return resolveConfig(presetNamed('quickstart').config(), 'bench', sets).config;
}
