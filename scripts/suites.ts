/** The three runners of `npm test`: vitest, pytest, and each example as a program. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FAILED, NONE, PASSED, sum, type Counts } from './counts.ts';
import { runProgram } from './program.ts';

/** What a runner comes to. */
export interface SuiteResult {
  readonly counts: Counts;
  /** `name: reason` of each skipped test. */
  readonly skips: readonly string[];
}

const EXAMPLE_TIMEOUT_MS = 180_000;

function filesBelow(folder: string, ending: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith(ending)).map((name) => path.join(folder, name));
}

async function withReportFile<T>(name: string, work: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-test-'));
  try {
    return await work(path.join(folder, name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A runner that ends badly but names no failed test has failed as a whole. */
function atLeastOneFailure(ok: boolean, counts: Counts): Counts {
  return ok || counts.failed > 0 ? counts : sum([counts, FAILED]);
}

/** Runs the TypeScript tests. */
export async function runVitest(): Promise<SuiteResult> {
  if (filesBelow('test', '.test.ts').length === 0) return { counts: NONE, skips: [] };
  return await withReportFile('vitest.json', async (file) => {
    const args = ['run', '--reporter=default', '--reporter=./scripts/vitest-reporter.ts'];
    const run = await runProgram('vitest', args, {
      streamAs: 'vitest',
      environment: { SRWM_COUNTS_FILE: file },
    });
    if (!existsSync(file)) return { counts: FAILED, skips: [] };
    const report = JSON.parse(readFileSync(file, 'utf8')) as SuiteResult;
    return { counts: atLeastOneFailure(run.ok, report.counts), skips: report.skips };
  });
}

/** Runs the Python tests with the interpreter that set-up made. */
export async function runPytest(python: string): Promise<SuiteResult> {
  if (!filesBelow('test', '.py').some((file) => path.basename(file).startsWith('test_'))) {
    return { counts: NONE, skips: [] };
  }
  return await withReportFile('pytest.xml', async (file) => {
    const args = ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', `--junitxml=${file}`];
    const run = await runProgram(python, args, { streamAs: 'pytest' });
    if (!existsSync(file)) return { counts: FAILED, skips: [] };
    const report = readJunit(readFileSync(file, 'utf8'));
    return { counts: atLeastOneFailure(run.ok, report.counts), skips: report.skips };
  });
}

/** Reads the sums from the one `testsuite` element that pytest writes, and the reasons of its skips. */
export function readJunit(xml: string): SuiteResult {
  const head = /<testsuite [^>]*>/.exec(xml)?.[0] ?? '';
  const number = (name: string): number => Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = number('failures') + number('errors');
  const skipped = number('skipped');
  const cases = xml.split('<testcase ').slice(1);
  const skips = cases.flatMap((text) => {
    const reason = /<skipped [^>]*message="([^"]*)"/.exec(text)?.[1];
    return reason === undefined ? [] : [`${/ name="([^"]*)"/.exec(` ${text}`)?.[1] ?? 'a test'}: ${reason}`];
  });
  return { counts: { passed: number('tests') - failed - skipped, failed, skipped }, skips };
}

/** Runs each example as a user would, those in Python with set-up's; one that exits with 0 has passed. */
export async function runExamples(python: string): Promise<SuiteResult> {
  const counts: Counts[] = [];
  const files = ['.ts', '.py'].flatMap((ending) => filesBelow('examples', ending).sort());
  for (const file of files) {
    const run = await runProgram(file.endsWith('.py') ? python : 'tsx', [file], {
      streamAs: path.basename(file),
      timeoutMs: EXAMPLE_TIMEOUT_MS,
    });
    console.log(`examples | ${run.ok ? 'ok  ' : 'FAIL'} ${file} (${run.seconds.toFixed(1)} s)`);
    counts.push(run.ok ? PASSED : FAILED);
  }
  return { counts: sum(counts), skips: [] };
}
