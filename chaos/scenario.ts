/** One scenario from its users to its verdict: load, faults at random moments, the end, and what everyone says then. */
import { setTimeout as wait } from 'node:timers/promises';
import { disagreements, rowsAsRead } from './agreement.ts';
import { type Api, exchange, isRow, rowsOf } from './client.ts';
import { History, type Operation } from './history.ts';
import type { Listener } from './listener.ts';
import { listenersOf, prepareWorld, runClient } from './load.ts';
import { Memory } from './memory.ts';
import { Random } from './random.ts';
import { allReads, feedPlan } from './reads.ts';
import type { Fault, Scene, System } from './system.ts';
import { type Figures, freshAgainMs, judge, type Violation, type Window } from './verdict.ts';
import { World } from './world.ts';
import { publish } from './writes.ts';

export type ScenarioOptions = {
  readonly name: string;
  readonly faults: readonly Fault[];
  readonly seed: number;
  /** Load before the first fault and after the last one, in milliseconds; faults come between. */
  readonly calmMs: number;
  readonly clients: number;
  /** Few and hot: everyone meets everyone on every video. */
  readonly size: { readonly people: number; readonly videos: number };
  readonly clip: Buffer;
  /** Whether the end waits until every job is done. One that a killed process had is taken up when its lease is over. */
  readonly waitForJobs: boolean;
};

export type ScenarioResult = {
  readonly name: string;
  readonly durationMs: number;
  readonly figures: Figures;
  /** Of each process, its largest resident memory in bytes. */
  readonly peakBytes: Readonly<Record<string, number>>;
  /** When each fault was on, in seconds since the load began. */
  readonly windows: readonly { readonly fault: string; readonly startS: number; readonly endS: number }[];
  readonly violations: readonly Violation[];
};

/** One page of the feed holds all videos of a scenario. */
const maxPublishes = 24;
/** A second fault of a pair begins while the first is on. */
const overlapShare = 0.9;
const drainTimeoutMs = 60_000;
const drainEveryMs = 50;
/** Of a video that takes a while to be stored. */
const largeBytes = 16 * 1024 ** 2;
/** Reads at once at the end. */
const readersAtEnd = 4;

export async function runScenario(system: System, options: ScenarioOptions): Promise<ScenarioResult> {
  const random = Random.for(options.seed, options.name);
  const history = new History();
  // Unique among all runs on the same tables, and short: it begins every user's name.
  const prefix = `${options.name.slice(0, 12)} ${Date.now().toString(36)}`;
  const world = new World({ prefix, history, clip: options.clip, maxPublishes });
  for (const process of system.processes) process.takeOwnEnds();
  await prepareWorld(world, system.apis, options.size);

  const zeroMs = performance.now();
  const memory = new Memory(system.processes);
  let stopping = false;
  const listeners = listenersOf(world);
  const clients = Array.from({ length: options.clients }, (_, i) =>
    runClient(
      world,
      system.apis,
      `client ${i}`,
      Random.for(random.below(2 ** 31), `client ${i}`),
      () => stopping,
      listeners,
    ),
  );
  let windows: Window[];
  try {
    await wait(random.between(0.5, 1) * options.calmMs);
    windows = await runFaults(options.faults, { random, upload: (api) => uploadLarge(world, api, random) });
    await wait(options.calmMs);
  } finally {
    stopping = true;
    await Promise.all(clients);
  }
  const violations: Violation[] = [];
  const add = (rule: string, words: string): void => {
    violations.push({ rule, words, evidence: [] });
  };
  if (history.isFull) add('history', 'the history was full before the end: less load, or less time');
  for (const undone of await jobsLeft(system, options.waitForJobs)) add('jobs', undone);
  const overMs = Math.max(...windows.map(({ endMs }) => endMs)) + freshAgainMs;
  await wait(Math.max(0, overMs - performance.now()));
  violations.push(...(await judgeEnd(system, world, listeners, zeroMs)));
  for (const missing of await missingMedia(system, world)) add('media', missing);
  memory.stop();
  violations.push(...memory.violations());
  for (const end of system.processes.flatMap((process) => process.takeOwnEnds())) add('exit', end);
  const { figures, violations: judged } = judge(history.operations, windows, zeroMs);
  return {
    name: options.name,
    durationMs: performance.now() - zeroMs,
    figures,
    peakBytes: memory.peaks(),
    windows: windows.map(({ fault, startMs, endMs }) => ({
      fault,
      startS: (startMs - zeroMs) / 1000,
      endS: (endMs - zeroMs) / 1000,
    })),
    violations: [...violations, ...judged],
  };
}

/** All of them, each beginning while the one before is on. */
async function runFaults(faults: readonly Fault[], scene: Scene): Promise<Window[]> {
  const { random } = scene;
  const runs: Promise<Window>[] = [];
  for (const fault of faults) {
    const [least, most] = fault.lastsMs;
    const lastsMs = random.between(least, most);
    runs.push(runFault(fault, lastsMs, scene));
    await wait(random.between(0, overlapShare) * lastsMs);
  }
  return await Promise.all(runs);
}

async function runFault(fault: Fault, lastsMs: number, scene: Scene): Promise<Window> {
  const startMs = performance.now();
  const { end, tolerance = fault.tolerance } = await fault.begin(scene);
  try {
    await wait(lastsMs);
  } finally {
    await end();
  }
  return { fault: fault.name, startMs, endMs: performance.now(), tolerance };
}

const freeBoxHeadBytes = 8;

/** The clip with a box at its end that means nothing: as good as before, and large. */
function largeClip(clip: Buffer): Buffer {
  const box = Buffer.alloc(largeBytes);
  box.writeUInt32BE(largeBytes, 0);
  box.write('free', freeBoxHeadBytes / 2, 'latin1');
  return Buffer.concat([clip, box]);
}

async function uploadLarge(world: World, api: Api, random: Random): Promise<void> {
  const { plan } = publish(world, random.pick(world.people), largeClip(world.clip));
  await world.perform('uploader', api, plan);
}

/** What jobs were given up; and, if it `waits`, which are not done within a bound. */
export async function jobsLeft(system: System, waits: boolean): Promise<string[]> {
  const deadline = performance.now() + drainTimeoutMs;
  for (;;) {
    const { due, dead, names } = await system.tables.jobs();
    if (dead > 0) return [`${dead} jobs were given up: ${names.join(', ')}`];
    if (due === 0 || !waits) return [];
    if (performance.now() > deadline)
      return [`${due} jobs are not done after ${drainTimeoutMs / 1000} s: ${names.join(', ')}`];
    await wait(drainEveryMs);
  }
}

/** Reads everything through each process and from the tables, now that nothing moves. */
async function judgeEnd(
  system: System,
  world: World,
  listeners: readonly Listener[],
  zeroMs: number,
): Promise<Violation[]> {
  const reads: Operation[] = [];
  for (const api of system.apis) {
    // A first look at all videos, since what nobody has read yet is not asked for by its id.
    await world.perform('end', api, feedPlan(world, undefined));
    const plans = allReads(world);
    const reader = async (): Promise<void> => {
      for (let plan = plans.pop(); plan !== undefined; plan = plans.pop()) {
        reads.push((await world.perform('end', api, plan)).operation);
      }
    };
    await Promise.all(Array.from({ length: readersAtEnd }, reader));
  }
  for (const [i, listener] of listeners.entries()) {
    const api = system.apis[i % system.apis.length];
    if (api !== undefined) await listener.listen(world, 'end', api, true);
  }
  const rows = await system.tables.rowsOf(world.people.map(({ id }) => id));
  world.history.add(rowsAsRead(rows, world.history.operations, performance.now()));
  return disagreements(rows, world.history.operations, reads, zeroMs);
}

/** Every video that is shown can be played: its file and its cover are there. */
async function missingMedia(system: System, world: World): Promise<string[]> {
  const [api] = system.apis;
  if (api === undefined) return [];
  const answer = await world.perform('end', api, feedPlan(world, undefined));
  const missing: string[] = [];
  for (const row of rowsOf(answer.answered.body, 'video_list')) {
    if (!isRow(row) || !world.isOurs(row['title'])) continue;
    for (const address of [row['play_url'], row['cover_url']]) {
      const problem = await fetchProblem(api, String(address));
      if (problem !== undefined) missing.push(`${address} of "${row['title']}": ${problem}`);
    }
  }
  return missing;
}

/** Undefined if the file came; a redirect is followed once. */
async function fetchProblem(api: Api, address: string): Promise<string | undefined> {
  try {
    let url = new URL(address);
    for (let hops = 0; hops < 2; hops += 1) {
      const { status, headers, bytes } = await exchange(
        { url: url.origin, agent: api.agent },
        'GET',
        `${url.pathname}${url.search}`,
      );
      if (status === 200) return bytes.length > 0 ? undefined : 'an empty file';
      if (status < 300 || status >= 400 || headers.location === undefined) return `HTTP ${status}`;
      url = new URL(headers.location, url);
    }
    return 'more than one redirect';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
