import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const reporter = fileURLToPath(new URL('vitest-reporter.ts', import.meta.url));

/** Runs tests in a folder of their own, as a person would; gives the exit code and the last line. */
async function run(files: Readonly<Record<string, string>>): Promise<{ code: number | null; lines: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'reporter-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const reporters = ['--reporter=default', `--reporter=${reporter}`];
    const child = spawn(process.execPath, [vitest, 'run', '--root', folder, '--globals', ...reporters], {
      env: { PATH: process.env['PATH'], CI: 'true' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { code, lines: output.trimEnd().split('\n') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const passing = "test('a', () => {}); test('b', () => {});";

/** Two projects with the same file, as our own have; `more` is the second one's. */
const twoProjects = (more = ''): string =>
  `const project = (name, more) => ({ test: { name, include: ['a.test.js'], globals: true, env: { NAME: name }, ...more } });
  export default { test: { projects: [project('one'), project('two', { sequence: { groupOrder: 1 }, ${more} })] } };`;

test.concurrent.each([
  ['tests that pass', { 'a.test.js': passing }, 0, '2 passed, 0 failed'],
  ['no tests', {}, 1, '0 passed, 1 failed'],
  [
    'a failing test, a file that cannot be loaded, a hook that fails and an error that nobody caught',
    {
      'a.test.js': `${passing} test('c', () => { throw new Error('c'); }); test.skip('d', () => {});`,
      'b.test.js': "import './missing.js'; test('a', () => {});",
      'c.test.js': "describe('s', () => { beforeAll(() => { throw new Error('s'); }); test('a', () => {}); });",
      'd.test.js': "test('a', () => { Promise.reject(new Error('d')); });",
    },
    1,
    '3 passed, 4 failed',
  ],
  [
    'two projects, of which one fails',
    {
      'vitest.config.js': twoProjects(),
      'a.test.js': `${passing} test('c', () => { if (process.env.NAME === 'two') throw new Error('c'); });`,
    },
    1,
    '5 passed, 1 failed',
  ],
  [
    'two projects, of which one cannot be set up',
    {
      'vitest.config.js': twoProjects("globalSetup: './setup.js'"),
      'setup.js': "export default () => { throw new Error('no engine'); };",
      'a.test.js': passing,
    },
    1,
    // All are set up before the first test.
    '0 passed, 1 failed',
  ],
] as const)('%s', async (_name, files, code, line) => {
  const result = await run(files);
  expect(result.lines.at(-1)).toBe(line);
  expect(result.code).toBe(code);
});
