/**
 * Which adapters are not run against the suite of their port. A suite is a file `PORT.conformance.ts` beside the port's
 * interface; an adapter is a file that exports a function or a value of the interface's type, in `adapters/` or `db/`.
 * Pure: files in, violations out.
 */
import { posix } from 'node:path';
import type { SourceFile, Violation } from './source-files.ts';
import { importsOf, lineOf, readSource } from './source-text.ts';

const suitePath = /^server\/src\/(?:ports|db)\/([a-z0-9-]+)\.conformance\.ts$/;
const adapterPath = /^server\/src\/(?:adapters|db)\/[a-z0-9-]+\.ts$/;

export function checkSuites(files: readonly SourceFile[]): Violation[] {
  const suites = files.filter(({ path }) => suitePath.test(path));
  const adapters = files.filter(({ path }) => adapterPath.test(path) && !suitePath.test(path));
  const tests = files.filter(({ path }) => path.endsWith('.test.ts'));
  return suites.flatMap((suite) => {
    const type = typeOf(suite.path);
    const own = adapters.flatMap((file) => {
      const at = exportOf(file.text, type);
      return at === undefined ? [] : [{ path: file.path, line: lineOf(file.text, at) }];
    });
    if (own.length === 0) return [{ path: suite.path, line: 1, rule: `there is no adapter of the type ${type}` }];
    return own
      .filter(({ path }) => !tests.some((test) => runs(test, suite.path, path)))
      .map((at) => ({ ...at, rule: `is a ${type} that no test runs against ${suite.path}` }));
  });
}

/** `rate-limiter.conformance.ts` is about the type `RateLimiter`. */
function typeOf(path: string): string {
  const words = suitePath.exec(path)?.[1]?.split('-') ?? [];
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/** Where the file exports something of this type: a function that returns it, perhaps as a promise, a constant, a class. */
function exportOf(text: string, type: string): number | undefined {
  const { code } = readSource(text);
  const result = `:\\s*(?:Promise<)?${type}>?\\s*`;
  const ends = [
    // On one line, or on the last of several, which begins with brackets.
    new RegExp(`^export (?:async )?function .*\\)${result}\\{$|^\\}?\\)${result}\\{$`, 'm'),
    new RegExp(`^export const \\w+\\s*${result}=`),
    new RegExp(`^export class .*\\bimplements\\b.*\\b${type}\\b`),
  ];
  let index = 0;
  // Each declaration at the top of the file, up to the next one.
  for (const declaration of code.split(/^(?=[a-z])/m)) {
    if (declaration.startsWith('export ') && ends.some((end) => end.test(declaration))) return index;
    index += declaration.length;
  }
  return undefined;
}

/** Whether a test imports the suite, and is this adapter's own by its name or imports it as well; types do not count. */
function runs(test: SourceFile, suite: string, adapter: string): boolean {
  const imported = importsOf(readSource(test.text))
    .filter(({ typeOnly, target }) => !typeOnly && target.startsWith('.'))
    .map(({ target }) => posix.join(posix.dirname(test.path), target));
  const isOwn = test.path.startsWith(adapter.replace(/ts$/, ''));
  return imported.includes(suite) && (isOwn || imported.includes(adapter));
}
