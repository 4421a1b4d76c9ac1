import type { Reporter, TestModule } from 'vitest/node';

/**
 * Ends the output of the tests with one line that scripts can read: how many passed and failed. Whatever makes the run
 * fail counts, not only tests: a file that cannot be loaded, a hook of a suite, an error that nobody caught.
 */
export default class CountingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[], reason: string): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    let skipped = 0;
    for (const module of modules) {
      failed += module.errors().length > 0 ? 1 : 0;
      for (const suite of module.children.allSuites()) failed += suite.errors().length > 0 ? 1 : 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
        else skipped += 1;
      }
    }
    // No test at all, or a run that was broken off: nothing that could be counted failed, yet the run did not pass.
    if (failed === 0 && (reason !== 'passed' || modules.length === 0)) failed = 1;
    const notRun = skipped === 0 ? '' : `${skipped} not run\n`;
    process.stdout.write(`\n${notRun}${passed} passed, ${failed} failed\n`);
  }
}
