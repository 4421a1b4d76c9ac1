/**
 * The short form of `npm run chaos`: each fault alone, a second or so, on engines of its own which it may kill. They are
 * started once. Where an engine is not installed, nothing can be proven.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineName, missingOf } from '../engines/index.ts';
import { startProductionSystem } from './production-system.ts';
import type { System } from './system.ts';
import { expectJobsDone, expectToHold, temporaryFolder } from './test/scenarios.ts';

const engines: readonly EngineName[] = ['mysql', 'redis', 'rabbitmq', 's3'];
const missing = engines.map(missingOf).find((reason) => reason !== undefined);
const startTimeoutMs = 90_000;
const scenarioTimeoutMs = 60_000;

if (missing !== undefined && process.env['CI'] !== 'true') {
  it(`not run: ${missing}`, ({ skip }) => skip());
} else {
  describe('the production form', { timeout: scenarioTimeoutMs }, () => {
    const folder = temporaryFolder();
    let system: System;
    beforeAll(async () => {
      system = await startProductionSystem(folder.path);
    }, startTimeoutMs);
    afterAll(async () => {
      await system.close();
      folder.remove();
    });

    it('agrees with itself while no fault is on', async () => {
      const { figures } = await expectToHold(system);
      expect(figures).toMatchObject({ unanswered: 0, refused: 0, staleOutside: 0 });
    });

    it.each(['api-kill', 'worker-kill', 'redelivery'])('agrees with itself during %s', async (fault) => {
      await expectToHold(system, fault);
    });

    it.each(['redis-kill', 'redis-pause', 'rabbitmq-kill'])('goes on, all of it, during %s', async (fault) => {
      const { figures } = await expectToHold(system, fault);
      expect(figures).toMatchObject({ refused: 0, unanswered: 0 });
    });

    it('refuses at once what needs the database while MySQL is killed', async () => {
      const { figures } = await expectToHold(system, 'mysql-kill');
      expect(figures.refused).toBeGreaterThan(0);
      expect(figures.unanswered).toBe(0);
    });

    it('refuses uploads alone while S3 is killed in the middle of one', async () => {
      const { figures } = await expectToHold(system, 's3-kill');
      expect(figures.unanswered).toBe(0);
    });

    it.each(['cut-mysql', 'cut-redis', 'cut-rabbitmq', 'cut-s3'])('agrees with itself during %s', async (fault) => {
      const { figures } = await expectToHold(system, fault);
      expect(figures.unanswered).toBe(0);
    });

    it('agrees with itself when two things happen at once', async () => {
      await expectToHold(system, 'redis-pause', 'api-kill');
    });

    it('has done every job in the end', async () => {
      await expectJobsDone(system);
    });
  });
}
