import { expect, test } from 'vitest';
import { closingLine, sum } from '../../scripts/counts.ts';
import { readJunit } from '../../scripts/suites.ts';

const XML =
  '<?xml version="1.0"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="2" skipped="1" tests="9" time="1.0">' +
  '<testcase classname="test.kernels" name="runs on a GPU" time="0.0"><skipped type="pytest.skip" message="no CUDA device">x</skipped></testcase>' +
  '<testcase classname="test.kernels" name="adds" time="0.1" /></testsuite></testsuites>';

test('reads the sums and the reasons of skips that pytest writes', () => {
  expect(readJunit(XML)).toEqual({
    counts: { passed: 5, failed: 3, skipped: 1 },
    skips: ['runs on a GPU: no CUDA device'],
  });
});

test('closes with one line that sums all runners', () => {
  const counts = sum([readJunit(XML).counts, { passed: 1, failed: 0, skipped: 2 }]);
  expect(closingLine(counts)).toBe('6 passed, 3 failed, 3 skipped');
});
