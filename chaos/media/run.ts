/** Uploads videos, kills somebody at each point of the plan, and looks whether every video comes to an end. */
import { setTimeout as wait } from 'node:timers/promises';
import { waitFor } from '../../bench/resources.ts';
import { signalAll } from '../../engines/process-tree.ts';
import { type Api, callApi } from '../client.ts';
import type { ServerProcess } from '../server-process.ts';
import type { System } from '../system.ts';
import { type Leftovers, leftBehind } from './leftovers.ts';
import type { ClipKind, Point } from './plan.ts';
import { type Outage, type ReaderFigures, startReader } from './reader.ts';
import { findJobs, findVideos, unsettled } from './rows.ts';
import { type UploadEnd, upload } from './upload.ts';
import { hasReached, toolsOf } from './watch.ts';

/** From the restart to the end of every video. */
export const settleMaxMs = 60_000;
/** A little longer, to see by how much it was missed. */
const settleTimeoutMs = 2 * settleMaxMs;
const settleEveryMs = 50;
/** A point that has not come by then does not come. */
const reachTimeoutMs = 60_000;
const lookEveryMs = 2;

export type PointOutcome = Point & {
  /** Who was killed while doing what, as it turned out. */
  readonly struck: string;
  readonly upload: UploadEnd;
  /** From the restart, or from the death of a tool, to the end of every video. */
  readonly settledMs: number;
  /** Of the video; empty if it is not there, which one that was not acknowledged need not be. */
  readonly state: string;
};

export type MediaResult = {
  /** How many points there were to be; those that are not among `points` had no time left. */
  readonly planned: number;
  readonly points: readonly PointOutcome[];
  readonly reader: ReaderFigures;
  readonly leftovers: Leftovers;
  readonly violations: readonly string[];
};

type Site = {
  readonly system: System;
  readonly clips: Readonly<Record<ClipKind, Buffer>>;
  readonly token: string;
  readonly outages: Outage[];
  readonly violations: string[];
  readonly acknowledged: Set<string>;
};

/** `told` hears of each point when it is over; after `budgetMs` none begins any more. */
export async function runPoints(
  system: System,
  points: readonly Point[],
  clips: Readonly<Record<ClipKind, Buffer>>,
  { told, budgetMs }: { readonly told?: (outcome: PointOutcome) => void; readonly budgetMs?: number } = {},
): Promise<MediaResult> {
  const startedMs = performance.now();
  const api = firstApi(system);
  const who = { username: `media ${Date.now().toString(36)}`, password: 'kill at any moment' };
  const { body } = await callApi(api, 'register', { parameters: who });
  const token = String(body['token'] ?? '');
  if (token === '') throw new Error('nobody could be registered');
  const site: Site = { system, clips, token, outages: [], violations: [], acknowledged: new Set() };
  const reader = startReader(system.apis, site.outages);
  const outcomes: PointOutcome[] = [];
  try {
    for (const point of points) {
      if (budgetMs !== undefined && performance.now() - startedMs > budgetMs) break;
      const outcome = await runPoint(site, point);
      outcomes.push(outcome);
      told?.(outcome);
      // What ended although nobody here ended it is not there for the next one.
      const ends = system.processes.flatMap((process) => process.takeOwnEnds());
      site.violations.push(...ends);
      if (ends.length > 0) break;
    }
  } catch (error) {
    site.violations.push(error instanceof Error ? error.message : String(error));
  } finally {
    await reader.stop();
  }
  const leftovers = await leftBehind(system);
  await checkVideos(site, who);
  site.violations.push(...reader.faults, ...leftovers.faults);
  return { planned: points.length, points: outcomes, reader: reader.figures(), leftovers, violations: site.violations };
}

const firstApi = ({ apis }: System): Api => {
  const [api] = apis;
  if (api === undefined) throw new RangeError('a system without an api');
  return api;
};

async function runPoint(site: Site, point: Point): Promise<PointOutcome> {
  const { system, acknowledged, violations } = site;
  const title = `point ${point.number}`;
  const known = new Set((await findJobs(system.tables.query)).map(({ id }) => id));
  const [reached, struckNow] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const pause = { at: point.sentShare, reached: reached.resolve, goOn: struckNow.promise };
  const uploading = upload(
    firstApi(system),
    { token: site.token, title, clip: site.clips[point.clip] },
    point.stage === 'upload' ? pause : undefined,
  );
  if (point.stage === 'upload') await reached.promise;
  else await comesTo(system, point, title, known);
  await wait(point.delayMs);
  const struck = await strike(site, point);
  struckNow.resolve();
  const restartedMs = performance.now();
  const end = await uploading;
  if (end === 'acknowledged') acknowledged.add(title);
  // Nothing that is done here is a reason to call a good file bad.
  if (end === 'refused') violations.push(`${title} was refused`);
  const settledMs = await settle(site, restartedMs, title);
  const video = (await findVideos(system.tables.query)).find((one) => one.title === title);
  const state = video === undefined ? '' : [video.state, video.failure].filter((text) => text !== '').join(': ');
  if (video === undefined && end === 'acknowledged') violations.push(`${title} was acknowledged and is gone`);
  return { ...point, struck, upload: end, settledMs, state };
}

async function comesTo(system: System, point: Point, title: string, known: ReadonlySet<string>): Promise<void> {
  const { query } = system.tables;
  const over = async (): Promise<boolean> =>
    (await findVideos(query)).some((one) => one.title === title && one.prepared);
  await waitFor(`${title}: ${point.stage}`, reachTimeoutMs, lookEveryMs, async () => {
    if (await hasReached(system, point.stage, title, known)) return true;
    // It was too quick to be seen: then the blow falls behind it.
    return (await over()) || undefined;
  });
}

/** Kills, starts again what has to be started, and says what it was. */
async function strike(site: Site, { victim, stage }: Point): Promise<string> {
  const { system } = site;
  if (victim === 'tool') {
    const tools = toolsOf(system);
    const tool = tools.find((one) => one.stage === stage) ?? tools[0];
    if (tool === undefined) return 'nothing: no tool ran any more';
    signalAll([tool.pid], 'SIGKILL');
    return `${tool.stage === 'probe' ? 'ffprobe' : 'ffmpeg'} (${tool.stage}) of ${tool.of.name}`;
  }
  const process = processOf(system, victim);
  const doing = toolsOf(system).flatMap((tool) => (tool.of === process ? tool.stage : []));
  const outage: Outage = { api: process.name, fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY };
  site.outages.push(outage);
  await process.kill();
  await process.startAgain();
  outage.toMs = performance.now();
  return [process.name, ...doing.map((tool) => `running ${tool}`)].join(', ');
}

function processOf({ processes }: System, victim: 'server' | 'worker'): ServerProcess {
  const found = processes.find(({ name }) => (victim === 'worker') === (name === 'worker'));
  if (found === undefined) throw new RangeError(`a system without ${victim}`);
  return found;
}

/** Resolves with the time that it took until nothing is under way any more. */
async function settle({ system, violations }: Site, fromMs: number, title: string): Promise<number> {
  let left: readonly string[] = [];
  try {
    await waitFor(`the end of ${title}`, settleTimeoutMs, settleEveryMs, async () => {
      left = await unsettled(system.tables.query);
      return left.length === 0 ? true : undefined;
    });
  } catch {
    violations.push(`${title}: after ${settleTimeoutMs / 1000} s still ${left.join(', ')}`);
  }
  const tookMs = performance.now() - fromMs;
  if (tookMs > settleMaxMs) violations.push(`${title}: it took ${Math.round(tookMs / 1000)} s until all had ended`);
  return tookMs;
}

/** As their author sees them, through every process: each that was acknowledged, once, and with an end. */
async function checkVideos(
  { system, acknowledged, violations }: Site,
  who: { readonly username: string; readonly password: string },
): Promise<void> {
  for (const job of await findJobs(system.tables.query)) if (job.dead) violations.push(`${job.name} was given up`);
  for (const api of system.apis) {
    const { body } = await callApi(api, 'login', { parameters: who });
    const token = String(body['token'] ?? '');
    const shown = await shownBy(api, token);
    for (const title of acknowledged) {
      const found = shown.filter((one) => one.title === title);
      if (found.length !== 1) violations.push(`${api.name} shows ${title} ${found.length} times`);
    }
    for (const { title, state, failure } of shown) {
      if (state === 'failed' && failure !== '') continue;
      if (state !== 'ready') violations.push(`${api.name} shows ${title} as ${state} ${failure}`);
    }
  }
}

/** Pages of an author's videos that are followed. */
const maxPages = 100;

async function shownBy(api: Api, token: string): Promise<{ title: string; state: string; failure: string }[]> {
  const shown = [];
  let cursor = '';
  for (let page = 0; page < maxPages; page += 1) {
    const { body } = await callApi(api, 'publishList', { parameters: { cursor }, token });
    for (const video of Array.isArray(body['video_list']) ? body['video_list'] : []) {
      shown.push({ title: String(video.title), state: String(video.state), failure: String(video.failure) });
    }
    cursor = String(body['next_cursor'] ?? '');
    if (cursor === '') break;
  }
  return shown;
}
