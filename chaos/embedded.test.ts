/** The short form of `npm run chaos -- --embedded`, and that a planted fault is seen through the whole of it. */
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmbeddedSystem } from './embedded-system.ts';
import type { Fault, System } from './system.ts';
import { unnoticed } from './system.ts';
import { expectJobsDone, expectToHold, runShort, temporaryFolder } from './test/scenarios.ts';

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

  it('agrees with itself while no fault is on', async () => {
    const { figures } = await expectToHold(system);
    expect(figures).toMatchObject({ unanswered: 0, refused: 0, staleOutside: 0 });
  });

  it('agrees with itself when it is killed', async () => {
    const { figures } = await expectToHold(system, 'server-kill');
    expect(figures.unanswered).toBeGreaterThan(0);
  });

  it('agrees with itself when it stands still', async () => {
    const { figures } = await expectToHold(system, 'server-pause');
    expect(figures.slowestMs, 'the pause was noticed').toBeGreaterThan(250);
  });

  it('has done every job in the end', async () => {
    await expectJobsDone(system);
  });

  it('is caught when a counter is wrong, a row is gone and a process is gone', async () => {
    const query = (sql: string): void => {
      const database = new Sqlite(join(folder.path, 'server', 'tiktok.sqlite'));
      database.exec(sql);
      database.close();
    };
    const vandalise = async (): Promise<void> => {
      query(
        'delete from messages; delete from likes; delete from follows; update videos set comment_count = comment_count + 1000',
      );
      // By its number, so that the harness does not know.
      for (const one of system.processes) if (one.pid !== undefined) process.kill(one.pid, 'SIGKILL');
      for (const one of system.processes) await one.start();
    };
    const vandal: Fault = {
      name: 'vandal',
      title: 'somebody changes the tables behind the back of the server, and ends it',
      lastsMs: [0, 0],
      tolerance: { ...unnoticed, unanswered: () => true },
      begin: async () => ({ end: vandalise }),
    };
    const { violations } = await runShort(system, [vandal]);
    const rules = new Set(violations.map(({ rule }) => rule));
    expect([...rules]).toEqual(expect.arrayContaining(['counter', 'stale', 'impossible', 'exit']));
  });
});
