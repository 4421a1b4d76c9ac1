import { defineConfig } from 'vitest/config';

/** Every test of the repository. Three workers for two cores: one of them mostly waits for what it has started. */
export default defineConfig({
  test: {
    include: ['{contract,server,conformance,scripts,bench}/**/*.test.ts'],
    environment: 'node',
    pool: 'forks',
    // Files share a process, which loads the server once: nothing of ours keeps state in a module.
    isolate: false,
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', './scripts/vitest-reporter.ts'],
  },
});
