/** Short scenarios for tests: a second or two of load around each fault. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { violationLines } from '../report.ts';
import { jobsLeft, runScenario, type ScenarioResult } from '../scenario.ts';
import type { Fault, System } from '../system.ts';

const clip = readFileSync(new URL('../../server/test/short.mp4', import.meta.url));
const calmMs = 400;
/** Faults are on for a part of the time of a whole run. */
const lastsShare = 0.4;
const clients = 4;
const size = { people: 4, videos: 2 };
/** They are waited for once, at the end of all. */
const waitForJobs = false;
/** A scenario in which less was done has proven nothing. */
const leastAcknowledged = 50;

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'chaos-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Runs one with these faults. */
export async function runShort(system: System, faults: readonly Fault[]): Promise<ScenarioResult> {
  const name = faults.map((fault) => fault.name).join(' + ') || 'no fault';
  return await runScenario(system, {
    name,
    faults,
    seed: Date.now() % 1_000_000,
    calmMs,
    clients,
    size,
    clip,
    waitForJobs,
  });
}

/** Runs one with the faults of these names, and expects that everything holds. */
export async function expectToHold(system: System, ...names: readonly string[]): Promise<ScenarioResult> {
  const faults = names.map((name) => {
    const fault = system.faults.find((one) => one.name === name);
    if (fault === undefined) throw new RangeError(`there is no fault named ${name}`);
    const [least, most] = fault.lastsMs;
    return { ...fault, lastsMs: [least * lastsShare, most * lastsShare] as const };
  });
  const result = await runShort(system, faults);
  expect(violationLines(result.violations)).toEqual([]);
  expect(result.figures.acknowledged).toBeGreaterThan(leastAcknowledged);
  return result;
}

/** After all scenarios: every job is done, none was given up. */
export async function expectJobsDone(system: System): Promise<void> {
  expect(await jobsLeft(system, true)).toEqual([]);
}
