/** An evaluation as lines for people. */
import type { EvaluationReport, GameResult } from '../metrics/index.ts';

/** Returns by split and game, and in words whether the agent beat the policies that never look. */
export function evaluationTable(report: EvaluationReport): string {
  const { normalization } = report;
  const lines = [
    `evaluation at update ${report.update}: ${PROTOCOLS[report.protocol] ?? report.protocol}${STATES[report.state] ?? ''}`,
    `  ${'split'.padEnd(16)} ${'game'.padEnd(10)} ${'return'.padStart(7)} [95 % interval]  episodes, share completed`,
  ];
  for (const split of report.splits) {
    for (const game of split.games)
      lines.push(gameLine(split.name, game, normalization?.constants ?? null, report));
  }
  if (normalization !== null) lines.push(`  ${normalizationLine(report)}`);
  const search = report.blind_search;
  if (search !== null) {
    lines.push(
      `  train/blind is the best of ${search.candidates} fixed action distributions (search of ${search.env_steps.toLocaleString('en')} env steps)`,
    );
  }
  return [...lines, ...verdict(report)].join('\n');
}

const PROTOCOLS: Readonly<Record<string, string>> = {
  ledger: 'every level once, from the state of a fresh slot',
  paper: "the released code's test, consecutive episodes on levels drawn with replacement",
  episodes: 'whole episodes',
};
const STATES: Readonly<Record<string, string>> = {
  unroll: ', the core state anew after each unroll length',
};

function gameLine(
  split: string,
  game: GameResult,
  constants: string | null,
  { protocol }: EvaluationReport,
): string {
  const interval = `[${game.ci95.map((bound) => bound.toFixed(2)).join(', ')}]`;
  const completed =
    protocol === 'episodes' && constants === null ? '' : ` ${(100 * game.completed).toFixed(0)}%`;
  const normalized = game.normalized === null ? '' : `  normalised ${game.normalized.toFixed(3)}`;
  return `  ${split.padEnd(16)} ${game.game.padEnd(10)} ${game.mean_return.toFixed(2).padStart(7)} ${interval.padEnd(16)} ${game.episodes}${completed}${normalized}`;
}

function normalizationLine({ normalization, splits }: EvaluationReport): string {
  const known = splits.some(({ games }) => games.some(({ normalized }) => normalized !== null));
  if (normalization === null || !known) return 'no constants to normalise with';
  return `normalised by ${normalization.set}, constants of ${normalization.constants} mode`;
}

function verdict(report: EvaluationReport): string[] {
  const mean = (name: string) => report.splits.find((split) => split.name === name)?.games[0];
  const agent = mean('train/sampled');
  return ['random', 'blind'].flatMap((name) => {
    const baseline = mean(`train/${name}`);
    if (agent === undefined || baseline === undefined) return [];
    const above = agent.ci95[0] > baseline.ci95[1];
    const overlap = agent.ci95[0] > baseline.mean_return;
    const words = above
      ? 'its interval lies above'
      : overlap
        ? 'its interval lies above the mean of, and overlaps the interval of,'
        : 'its interval does not lie above';
    return [`  the agent, sampled, on its training levels: ${words} the ${name} policy's`];
  });
}
