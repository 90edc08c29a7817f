/** `npm run check`: everything that can be checked without running a test. */
import { ensureSetup } from '../src/setup/index.ts';
import { pythonChecks, runChecks, typescriptChecks } from './checks.ts';
import { closingLine, sum } from './counts.ts';

await ensureSetup({
  cwd: process.cwd(),
  environment: process.env,
  dev: true,
  signal: new AbortController().signal,
  onEvent: (event) => {
    if (event.type === 'step') console.log(`set-up | ${event.title}`);
  },
});
// Two lanes: the slow tools of both languages use one core each.
const counts = sum(await Promise.all([runChecks(typescriptChecks), runChecks(pythonChecks)]));
console.log(closingLine(counts));
process.exitCode = counts.failed === 0 ? 0 : 1;
