import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { Resources } from './resources.ts';

it('removes a part with the whole, with the processes of both, and alone', async () => {
  const whole = new Resources();
  const part = whole.part();
  expect(dirname(part.root)).toBe(whole.root);
  expect(part.sharedRoot).toBe(whole.root);
  await part[Symbol.asyncDispose]();
  expect([existsSync(part.root), existsSync(whole.root)]).toEqual([false, true]);

  const other = whole.part();
  const child = other.spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  whole.removeNow();
  expect((await exited)[1]).toBe('SIGKILL');
  expect(existsSync(whole.root)).toBe(false);
});
