import { defineConfig } from 'vitest/config';
import { readSourceFiles } from './scripts/source-files.ts';
import { divideTests, hasProduction } from './scripts/test-projects.ts';

const isComplete = hasProduction();
const { embedded, production } = divideTests(readSourceFiles(new URL('./', import.meta.url)), isComplete);

/** Every test of the repository. Three workers for two cores: one of them mostly waits for what it has started. */
export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    // Files share a process, which loads the server once: nothing of ours keeps state in a module.
    isolate: false,
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', './scripts/vitest-reporter.ts'],
    projects: [
      { extends: true, test: { name: 'embedded', include: [...embedded] } },
      {
        extends: true,
        test: {
          name: 'production',
          include: [...production],
          // Without all engines, what asks for one of them has an embedded server beside it.
          env: { TEST_FORM: isComplete ? 'production' : 'embedded' },
          globalSetup: './server/test/global-setup.ts',
          // After the other one, so that its engines have both cores.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
