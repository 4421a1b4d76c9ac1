import { expect, it } from 'vitest';
import { checkSuites } from './conformance-suites.ts';
import { readSourceFiles } from './source-files.ts';

const suite = {
  path: 'server/src/ports/rate-limiter.conformance.ts',
  text: 'export function rateLimiterConformance() {}',
};
const adapter = (name: string, text: string) => ({ path: `server/src/adapters/${name}.ts`, text });
const testOf = (name: string, ...targets: string[]) => ({
  path: `server/src/adapters/${name}.test.ts`,
  text: targets.map((target) => `import { x } from '${target}';\n`).join(''),
});
const memory = adapter('limiter-memory', 'export function create(options: {\n  a: () => void;\n}): RateLimiter {\n}\n');
const memoryTest = testOf('limiter-memory', './limiter-memory.ts', '../ports/rate-limiter.conformance.ts');

const found = (...files: Parameters<typeof checkSuites>[0][number][]): string[] =>
  checkSuites(files).map(({ path, line }) => `${path}:${line}`);

it('every adapter of this repository runs against the suite of its port', () => {
  const files = readSourceFiles(new URL('../', import.meta.url));
  expect(checkSuites(files)).toEqual([]);
  // Seven ports and the database have a suite; a check that finds none has not looked.
  expect(files.filter(({ path }) => path.endsWith('.conformance.ts')).length).toBeGreaterThanOrEqual(8);
});

it('an adapter whose tests leave the suite out is found, however it is written', () => {
  expect(found(suite, memory, memoryTest)).toEqual([]);
  for (const text of [
    'export function create(): RateLimiter {\n}',
    'export async function create(a: string, b: number): Promise<RateLimiter> {\n}',
    'export const unlimited: RateLimiter = {};',
    'export function other(): string {\n}\nexport async function create(\n  a: string,\n): Promise<RateLimiter> {\n}',
  ]) {
    const file = adapter('limiter-other', text);
    const line = text.includes('other') ? 3 : 1;
    expect(found(suite, memory, memoryTest, file)).toEqual([`server/src/adapters/limiter-other.ts:${line}`]);
    const without = testOf('limiter-other', './limiter-other.ts');
    expect(found(suite, memory, memoryTest, file, without)).toHaveLength(1);
    const own = testOf('limiter-other', '../ports/rate-limiter.conformance.ts');
    expect(found(suite, memory, memoryTest, file, own)).toEqual([]);
    const both = testOf('limiters', './limiter-other.ts', '../ports/rate-limiter.conformance.ts');
    expect(found(suite, memory, memoryTest, file, both)).toEqual([]);
  }
});

it('what is of another type, or not exported, is no adapter; a suite without one is a mistake', () => {
  for (const text of [
    'export function create(limiter: RateLimiter): string {\n}',
    'function create(): RateLimiter {\n}',
    'export function create(): RateLimiterOptions {\n}',
    'export function create(): string {\n}\nfunction inner(): RateLimiter {\n}',
  ]) {
    expect([text, found(suite, memory, memoryTest, adapter('limiter-part', text))]).toEqual([text, []]);
  }
  expect(found(suite)).toEqual([`${suite.path}:1`]);
});
