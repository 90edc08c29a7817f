/** Writes the sums and the reasons of skips of one vitest run to the file named by SRWM_COUNTS_FILE. */
import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

export default class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    const skips: string[] = [];
    for (const module of modules) {
      // A file that cannot be loaded holds no tests: its error is the only trace.
      if (module.errors().length > 0) counts.failed += 1;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') counts.passed += 1;
        else if (result.state === 'failed') counts.failed += 1;
        else {
          counts.skipped += 1;
          const note = result.state === 'skipped' ? result.note : undefined;
          skips.push(`${test.fullName}: ${note ?? 'no reason given'}`);
        }
      }
    }
    const file = process.env['SRWM_COUNTS_FILE'];
    if (file !== undefined) writeFileSync(file, JSON.stringify({ counts, skips }));
  }
}
