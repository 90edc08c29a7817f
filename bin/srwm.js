#!/usr/bin/env node
// Source maps first, so that errors name the author's TypeScript line and not the compiled one.
process.setSourceMapsEnabled(true);
const { main } = await import('../dist/src/cli/main.js');
process.exitCode = await main(process.argv.slice(2));
