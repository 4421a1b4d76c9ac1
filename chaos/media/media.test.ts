/** The short form of `npm run chaos:media`: a few points of the embedded form, and that planted faults are seen. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmbeddedSystem } from '../embedded-system.ts';
import type { System } from '../system.ts';
import { temporaryFolder } from '../test/scenarios.ts';
import { makeClips } from './clips.ts';
import { leftBehind } from './leftovers.ts';
import { type Point, planPoints, stages } from './plan.ts';
import { runPoints } from './run.ts';

const pointTimeoutMs = 120_000;

it('plans every stage, for whom it can meet, and the same for the same seed', () => {
  const points = planPoints('production', 7, 60);
  expect(points).toEqual(planPoints('production', 7, 60));
  expect(points).not.toEqual(planPoints('production', 8, 60));
  expect(new Set(points.map(({ stage }) => stage))).toEqual(new Set(stages));
  expect(new Set(points.map(({ victim }) => victim))).toEqual(new Set(['server', 'worker', 'tool']));
  expect(planPoints('embedded', 7, 30).filter(({ victim }) => victim === 'worker')).toEqual([]);
  for (const { victim, stage } of points) {
    if (victim === 'worker') expect(['upload', 'probe', 'cover', 'publishing']).not.toContain(stage);
    if (victim === 'tool') expect(['upload', 'publishing', 'promotion', 'committed']).not.toContain(stage);
  }
});

describe('the embedded form', () => {
  const folder = temporaryFolder();
  let system: System;
  beforeAll(async () => {
    system = await startEmbeddedSystem(folder.path);
  });
  afterAll(async () => {
    await system.close();
    folder.remove();
  });

  it('brings every video to its end, whoever is killed', { timeout: pointTimeoutMs }, async () => {
    const common = { delayMs: 5, sentShare: 0.5 } as const;
    const points: readonly Point[] = [
      { number: 1, stage: 'upload', victim: 'server', clip: 'playable', ...common },
      { number: 2, stage: 'renditions', victim: 'server', clip: 'foreign', ...common },
      { number: 3, stage: 'renditions', victim: 'tool', clip: 'playable', ...common },
      { number: 4, stage: 'promotion', victim: 'server', clip: 'playable', ...common },
    ];
    const result = await runPoints(system, points, await makeClips(folder.path, 'tiny'));
    expect(result.violations).toEqual([]);
    expect(result.points.map(({ state }) => state)).toEqual(['', 'ready', 'ready', 'ready']);
    expect(result.points.map(({ upload }) => upload)).toEqual([
      'unanswered',
      'acknowledged',
      'acknowledged',
      'acknowledged',
    ]);
    expect(result.reader.files).toBeGreaterThan(0);
    expect(result.leftovers.received).toBe(3);
  });

  it('is caught when a file is gone, or one belongs to nobody', async () => {
    const database = new Sqlite(join(folder.path, 'server', 'tiktok.sqlite'));
    const row = database.prepare<[], { id: number; play_key: string }>('select id, play_key from videos limit 1').get();
    database.exec("delete from outbox where name = 'blobs.reconcile'");
    database.exec('update videos set received_key = null');
    database.close();
    rmSync(join(folder.path, 'server', 'media', row?.play_key ?? ''));
    const { faults } = await leftBehind(system);
    expect(faults).toEqual([
      expect.stringMatching(/^3 files belong to nobody/),
      expect.stringMatching(`1 files are named and not there: ${row?.play_key}`),
    ]);
  });
});
