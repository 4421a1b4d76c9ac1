import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { freePorts } from '../engines/programs.ts';
import { answersAt, createProcess, runToEnd, type StackProcess } from './process.ts';

let folder: string;
let url: string;
let one: StackProcess;
const lines: string[] = [];
const ends: string[] = [];

const program = (port: number): string => `
  process.on('SIGTERM', () => { console.log('ending'); process.exit(3); });
  require('node:http').createServer((_, response) => response.end()).listen(${port}, '127.0.0.1');
  console.error('error line'); console.log('line');`;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'process-'));
  lines.length = 0;
  ends.length = 0;
  const [port = 0] = await freePorts(1);
  url = `http://127.0.0.1:${port}`;
  one = create(program(port));
});
afterEach(async () => {
  await one.kill();
  rmSync(folder, { recursive: true });
});

const shared = {
  name: 'one',
  command: process.execPath,
  environment: { PATH: '/usr/bin:/bin' },
  onLine: (line: string): void => {
    lines.push(line);
  },
};

function create(text: string): StackProcess {
  return createProcess({
    ...shared,
    args: ['-e', text],
    folder,
    answers: () => answersAt(url),
    onEnd: (how) => ends.push(how),
  });
}

it('answers once it is started, hands on its lines, and ends in its own way', async () => {
  await one.start();
  expect(one.running).toBe(true);
  expect(await answersAt(url)).toBe(true);
  expect(await one.stop()).toBe(3);
  expect(one).toMatchObject({ running: false, pid: undefined });
  await vi.waitFor(() => expect(lines.toSorted()).toEqual(['ending', 'error line', 'line']));
  expect(ends).toEqual([]);
});

it('is killed and started again at the same address, as often as one likes', async () => {
  for (let round = 0; round < 2; round += 1) {
    await one.start();
    const { pid } = one;
    // A second wish changes nothing.
    await one.start();
    expect(one.pid).toBe(pid);
    await one.kill();
    await expect(answersAt(url)).rejects.toThrow();
  }
  expect(ends).toEqual([]);
  expect(await one.stop()).toBe(null);
});

it('ends also while it is paused', async () => {
  await one.start();
  one.signal('SIGSTOP');
  expect(await one.stop()).toBe(3);
});

it('says so if it ends by itself', async () => {
  await one.start();
  one.signal('SIGKILL');
  await vi.waitFor(() => expect(ends).toEqual(['SIGKILL']));
  expect(one.running).toBe(false);
});

it('that does not start says why with its last lines', async () => {
  one = create(`for (let n = 0; n < 9; n += 1) console.log('line ' + n); process.exitCode = 7;`);
  await expect(one.start()).rejects.toThrow(
    /^one did not start \(exit code 7\)\nline 4\nline 5\nline 6\nline 7\nline 8$/,
  );
  const missing = createProcess({
    ...shared,
    command: join(folder, 'missing'),
    args: [],
    folder,
    answers: () => answersAt(url),
    onEnd: (how) => ends.push(how),
  });
  await expect(missing.start()).rejects.toThrow(/^one did not start \(exit code 127\)\n.*missing/);
  expect(missing.running).toBe(false);
});

it('that is to run to its end is waited for, within a bound', async () => {
  const run = (text: string, timeoutMs: number): Promise<void> =>
    runToEnd({ ...shared, args: ['-e', text], folder, timeoutMs });
  await run(`console.log('done')`, 10_000);
  expect(lines).toEqual(['done']);
  await expect(run(`console.log('oh no'); process.exit(1)`, 10_000)).rejects.toThrow(
    /^one failed \(exit code 1\)\noh no$/,
  );
  await expect(run('setInterval(() => undefined, 1000)', 300)).rejects.toThrow(/^one failed \(SIGKILL\)$/);
});
