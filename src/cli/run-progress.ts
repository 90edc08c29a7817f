/** A run's events as lines for people. */
import { formatObservation } from '../graph/format-observation.ts';
import type { RunEvent, Update } from '../train/index.ts';
import { evaluationTable } from './evaluation-table.ts';
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
        for (const warning of event.warnings) output.note(`warning: ${warning}`);
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
    `lag ${Number.isInteger(update.policy_lag) ? update.policy_lag : update.policy_lag.toFixed(1)}`,
    `act ${percent(shares.act)} env ${percent(shares.env)} learn ${percent(shares.learn)} bridge ${(100 * shares.bridge).toFixed(1)}%`,
  ].join('  ');
}

function duration(seconds: number): string {
  const rounded = Math.round(seconds);
  if (rounded >= 3600)
    return `${Math.floor(rounded / 3600)}h${String(Math.floor((rounded % 3600) / 60)).padStart(2, '0')}m`;
  return `${Math.floor(rounded / 60)}m${String(rounded % 60).padStart(2, '0')}s`;
}
