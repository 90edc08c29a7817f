/** `npm test`: build, set-up, checks, tests of both languages, examples; the last line sums them all. */
import { findSetup } from '../src/setup/index.ts';
import { pythonChecks, runChecks, typescriptChecks } from './checks.ts';
import { closingLine, FAILED, PASSED, sum, type Counts } from './counts.ts';
import { runProgram } from './program.ts';
import { runExamples, runPytest, runVitest, type SuiteResult } from './suites.ts';

async function step(name: string, file: string, ...args: readonly string[]): Promise<Counts> {
  const run = await runProgram(file, args, { streamAs: name });
  console.log(`${name} | ${run.ok ? 'ok' : 'FAIL'} (${run.seconds.toFixed(1)} s)`);
  return run.ok ? PASSED : FAILED;
}

async function buildAndSetUp(): Promise<Counts> {
  const built = await step('build', 'npm', 'run', '--silent', 'build');
  return sum([built, await step('set-up', process.execPath, 'bin/srwm.js', 'setup', '--dev')]);
}

/** Two lanes, since most of either one's time is a single process. */
async function runSuites(python: string): Promise<readonly SuiteResult[]> {
  const lanes = await Promise.all([
    runVitest().then((result) => [result]),
    runPytest(python).then((result) => [result]),
  ]);
  return [...lanes.flat(), await runExamples(python)];
}

const start = performance.now();
const counts: Counts[] = await Promise.all([buildAndSetUp(), runChecks(typescriptChecks)]);
const setup = findSetup(process.cwd(), process.env);
const skips: string[] = [];
if (setup === null) {
  console.log('set-up did not succeed: no test can run');
  counts.push(FAILED);
} else {
  counts.push(await runChecks(pythonChecks));
  for (const result of await runSuites(setup.python)) {
    counts.push(result.counts);
    skips.push(...result.skips);
  }
}
for (const skip of skips) console.log(`skipped | ${skip}`);
const total = sum(counts);
console.log(`took ${((performance.now() - start) / 1000).toFixed(0)} s`);
console.log(closingLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;
