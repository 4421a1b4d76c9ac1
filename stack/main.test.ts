/** `npm run stack` as a process in a terminal: told to stop while it starts, it ends within seconds and leaves nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it, vi } from 'vitest';
import { allGone, processTree } from '../engines/process-tree.ts';

const program = fileURLToPath(new URL('main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'stack-main-'));
const stoppedWithinMs = 5_000;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each(['SIGINT', 'SIGTERM'] as const)('ends at once after %s while engines are being started', async (signal) => {
  const child = spawn(process.execPath, [program], {
    cwd: folder,
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said: string[] = [];
  createInterface(child.stdout).on('line', (line) => said.push(line));
  const pid = child.pid ?? 0;
  // Programs that make a database, and servers.
  await vi.waitFor(() => expect(processTree(pid).length).toBeGreaterThan(4), 20_000);
  const started = processTree(pid);
  const toldMs = performance.now();
  child.kill(signal);
  await once(child, 'close');
  expect(performance.now() - toldMs).toBeLessThan(stoppedWithinMs);
  expect(child.exitCode).toBe(0);
  expect(said.at(-1)).toBe('stack     | stopping');
  await allGone(started);
  expect(readdirSync(join(folder, 'data', 'stack'))).toEqual([]);
});
