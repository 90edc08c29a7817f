#!/usr/bin/env node
import { existsSync } from 'node:fs';

const program = new URL('../dist/src/cli/main.js', import.meta.url);
if (existsSync(program)) {
  // Source maps first, so that errors name the author's TypeScript line and not the compiled one.
  process.setSourceMapsEnabled(true);
  const { main } = await import(program.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  const message = 'srwm: the compiled form of the package must exist, got no dist folder.';
  const remedy = 'Run "npm ci" or "npm run build" in the folder of the package.';
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ type: 'error', code: 'SETUP_NOT_BUILT', message, remedy }));
  }
  console.error(`SETUP_NOT_BUILT  ${message}\n  ${remedy}`);
  process.exitCode = 3;
}
