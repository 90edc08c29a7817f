/** What `debug` sees in a script, where nobody else shows it: on stderr, which never carries a result. */
import { formatObservation, type Observation } from '../graph/index.ts';

export function printObservation(observation: Observation, when: string | null = null): void {
  process.stderr.write(`${formatObservation(observation, when)}\n`);
}
