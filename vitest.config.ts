import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { srwm: new URL('./src/index.ts', import.meta.url).pathname } },
  test: {
    include: ['test/**/*.test.ts'],
    // Native addons (zeromq) crash at tear-down in worker threads.
    pool: 'forks',
    maxWorkers: 2,
    // Importing torch takes half a minute on a cold, busy machine; a test that hangs is still caught.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    teardownTimeout: 10_000,
    setupFiles: [],
  },
});
