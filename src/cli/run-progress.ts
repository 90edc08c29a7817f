/** A run's events as lines for people. */
import { formatObservation } from '../graph/format-observation.ts';
import type { EvaluationReport } from '../metrics/index.ts';
import type { RunEvent, Update } from '../train/index.ts';
import type { Output } from './output.ts';

/** Seconds between two progress lines. */
const EVERY_SECONDS = 5;

/** Returns a function that prints each event: JSON Lines with --json, else now and then a line. */
export function runPrinter(output: Output, totalEnvSteps: () => number): (event: RunEvent) => void {
  let printed = -Infinity;
  return (event) => {
    output.record(event);
    if (output.json && event.type !== 'warning') return;
    switch (event.type) {
      case 'run_start':
        output.say(
          `run ${event.run}: ${event.parameters.toLocaleString('en')} parameters, seed ${event.seed}, on ${event.device}` +
            (event.updates > 0 ? `, resumed at update ${event.updates}` : ''),
        );
        return;
      case 'update': {
        const now = performance.now() / 1000;
        if (now - printed < EVERY_SECONDS && event.index > 0) return;
        printed = now;
        output.say(updateLine(event, totalEnvSteps()));
        return;
      }
      case 'debug':
        if (event.kind === 'print') output.say(formatObservation(event, `update ${event.update}`));
        return;
      case 'checkpoint':
        output.say(`checkpoint at update ${event.update}: ${event.path}`);
        return;
      case 'evaluation':
        output.say(evaluationTable(event));
        return;
      case 'warning':
        output.note(`warning: ${event.message}`);
        return;
      case 'run_end':
        output.say(
          `${event.finished ? 'finished' : 'stopped'}: ${event.updates} updates, ${event.env_steps.toLocaleString('en')} env steps, ` +
            `${event.seconds.toFixed(0)} s, parameters ${event.parameters_sha256.slice(0, 16)}`,
        );
        if (!event.finished) output.say(`go on with: srwm resume ${event.run}`);
    }
  };
}

function updateLine(update: Update, total: number): string {
  const { env_steps: steps, env_steps_per_second: speed, episode_return: episodes, shares } = update;
  const percent = (share: number) => `${(100 * share).toFixed(0)}%`;
  const returns =
    episodes === null
      ? 'no episode yet'
      : `return ${episodes.mean.toFixed(2)} [${episodes.ci95.map((bound) => bound.toFixed(2)).join(', ')}]`;
  const left = Math.max(0, (total - steps) / Math.max(speed, 1e-9));
  return [
    `${steps.toLocaleString('en').padStart(11)} steps ${percent(steps / total).padStart(4)}`,
    `${speed.toFixed(0)} steps/s`,
    `${duration(left)} left`,
    returns,
    `lag ${update.policy_lag}`,
    `act ${percent(shares.act)} env ${percent(shares.env)} learn ${percent(shares.learn)} bridge ${(100 * shares.bridge).toFixed(1)}%`,
  ].join('  ');
}

function duration(seconds: number): string {
  const rounded = Math.round(seconds);
  if (rounded >= 3600)
    return `${Math.floor(rounded / 3600)}h${String(Math.floor((rounded % 3600) / 60)).padStart(2, '0')}m`;
  return `${Math.floor(rounded / 60)}m${String(rounded % 60).padStart(2, '0')}s`;
}

/** Returns by split and game, and in words whether the agent beat the policies that never look. */
export function evaluationTable(report: EvaluationReport): string {
  const lines = [`evaluation at update ${report.update} (mean return [95 % interval], episodes)`];
  for (const split of report.splits) {
    for (const game of split.games) {
      const interval = `[${game.ci95.map((bound) => bound.toFixed(2)).join(', ')}]`;
      const normalized = game.normalized === null ? '' : `  normalised ${game.normalized.toFixed(3)}`;
      lines.push(
        `  ${split.name.padEnd(16)} ${game.game.padEnd(10)} ${game.mean_return.toFixed(2).padStart(7)} ${interval.padEnd(16)} ${game.episodes}${normalized}`,
      );
    }
  }
  const search = report.blind_search;
  if (search !== null) {
    lines.push(
      `  train/blind is the best of ${search.candidates} fixed action distributions (search of ${search.env_steps.toLocaleString('en')} env steps)`,
    );
  }
  return [...lines, ...verdict(report)].join('\n');
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
