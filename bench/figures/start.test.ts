import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Resources } from '../resources.ts';
import { startFigure } from './start.ts';

it('measures a start that is plausible, and leaves nothing behind', async () => {
  let root = '';
  {
    await using resources = new Resources();
    root = resources.root;
    const outcome = await startFigure.measure({ resources, quick: true, cores: undefined, say: () => {} });
    if (outcome.kind !== 'measured') throw new Error(outcome.reason);
    const [empty, existing] = outcome.measurements;
    for (const one of [empty, existing]) {
      expect(one?.values).toHaveLength(1);
      // Node alone takes longer than the lower bound; the server gives up at the upper one.
      expect(one?.values[0]).toBeGreaterThan(30);
      expect(one?.values[0]).toBeLessThan(60_000);
    }
    expect(existsSync(root)).toBe(true);
  }
  expect(existsSync(root)).toBe(false);
}, 240_000);
