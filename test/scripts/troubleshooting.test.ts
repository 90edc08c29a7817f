import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { errorCodes } from '../../bridge/protocol/codes.ts';
import { FILE, troubleshooting } from '../../scripts/troubleshooting.ts';

const page = readFileSync(FILE, 'utf8');

test('docs/troubleshooting.md has one heading for each code and says what the code table says', () => {
  const headings = [...page.matchAll(/^### (.*)$/gm)].map((match) => match[1]);
  expect(headings).toEqual(Object.keys(errorCodes));
  expect(troubleshooting(page), 'run "npm run docs" and commit the page').toBe(page);
});

test('what people wrote below a code stays, and a code that is gone takes its text along', () => {
  const written = page.replace(/(### WORKER_LOST\n\n.*\n.*\n)/, '$1\nA note.\n\n- of two parts\n');
  expect(troubleshooting(written)).toContain('\n\nA note.\n\n- of two parts\n');
  const foreign = `${page}\n### GONE_CODE\n\nx\\\n**Mend:** y\n\nold text\n`;
  expect(troubleshooting(foreign)).toBe(page);
});
