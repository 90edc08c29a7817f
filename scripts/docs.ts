/** `npm run docs`: brings docs/troubleshooting.md up to date and builds docs/api, which is not committed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { runProgram } from './program.ts';
import { FILE, troubleshooting } from './troubleshooting.ts';

writeFileSync(FILE, troubleshooting(existsSync(FILE) ? readFileSync(FILE, 'utf8') : ''));
console.log(`docs | wrote ${FILE}`);
const api = await runProgram('typedoc', [], { streamAs: 'docs' });
process.exitCode = api.ok ? 0 : 1;
