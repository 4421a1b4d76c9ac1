/** What is done to the production form, and what each fault excuses while it is on. */

import { waitFor } from '../bench/resources.ts';
import type { CutProxy, Engine, EngineName } from '../engines/index.ts';
import type { Api } from './client.ts';
import type { Operation } from './history.ts';
import { repeatMessages } from './redelivery.ts';
import type { ServerProcess } from './server-process.ts';
import { type FaultOf, type Ongoing, type Scene, unnoticed } from './system.ts';
import type { Tolerance } from './verdict.ts';

/** The one whose ways to the engines can be cut. */
export const firstApi = 'api 1';

export type Ways = Readonly<Record<EngineName, CutProxy>>;
type ApiProcess = { readonly api: Api; readonly process: ServerProcess };
export type ProductionParts = {
  readonly engines: Readonly<Record<EngineName, Engine>>;
  /** The ways of the first api to its engines. */
  readonly ways: Ways;
  readonly apis: readonly [ApiProcess, ApiProcess];
  readonly worker: ServerProcess;
  readonly amqpUrl: string;
};

/** Without the database a write cannot be, and says so within this. */
const databaseRefusalMs = 2_000;
/** Without a place for files an upload cannot be; it may have to find that out at the end. */
const uploadRefusalMs = 5_000;
/**
 * While a process cannot reach Redis, what it deletes there is deleted by a job. Until that has run, others that do reach
 * it may show the value before.
 */
export const cacheStaleMaxMs = 5_000;

const briefMs = [800, 2_500] as const;
/** Of what nobody is told: long enough for those who wait to find out by themselves. */
const silentMs = [1_500, 4_000] as const;
/** An upload of 16 MB has begun when so many bytes have gone to where files are. */
const begunBytes = 1024 ** 2;
const uploadBeginsMs = 5_000;
const lookEveryMs = 2;

const isUpload = ({ name }: Operation): boolean => name === 'publish';
const withoutDatabase: Tolerance = {
  ...unnoticed,
  refused: () => true,
  // An upload has come and is looked at before the database is asked.
  refusalMaxMs: (operation) => (isUpload(operation) ? uploadRefusalMs : databaseRefusalMs),
};
const withoutJobs: Tolerance = { ...unnoticed, delaysJobs: true };
const withoutCache: Tolerance = { ...unnoticed, staleMaxMs: cacheStaleMaxMs };
const withoutFiles: Tolerance = {
  ...unnoticed,
  refused: isUpload,
  refusalMaxMs: () => uploadRefusalMs,
};

export const productionFaults: readonly FaultOf<ProductionParts>[] = [
  {
    name: 'api-kill',
    title: 'kill -9 of an api process',
    lastsMs: briefMs,
    tolerance: unnoticed,
    begin: async ({ apis }, { random }) => {
      const { process } = random.pick(apis);
      await process.kill();
      const tolerance: Tolerance = { ...unnoticed, unanswered: ({ api }) => api === process.name };
      return { end: () => process.startAgain(), tolerance };
    },
  },
  {
    name: 'worker-kill',
    title: 'kill -9 of the worker',
    lastsMs: briefMs,
    tolerance: withoutJobs,
    begin: async ({ worker }) => {
      await worker.kill();
      return { end: () => worker.startAgain() };
    },
  },
  engineKill('redis', 'Redis is killed and comes back empty', withoutCache),
  {
    name: 'redis-pause',
    title: 'Redis stands still (SIGSTOP) and goes on with its old data',
    lastsMs: silentMs,
    tolerance: withoutCache,
    begin: async ({ engines }) => {
      await engines.redis.pause();
      return { end: async () => engines.redis.resume() };
    },
  },
  engineKill('rabbitmq', 'RabbitMQ is killed', withoutJobs),
  engineKill('mysql', 'MySQL is killed', { ...withoutDatabase, delaysJobs: true }),
  {
    name: 's3-kill',
    title: 'the S3 server is killed in the middle of an upload',
    lastsMs: briefMs,
    tolerance: withoutFiles,
    begin: killDuringUpload,
  },
  {
    name: 'redelivery',
    title: 'every job message comes two times more, late and out of order',
    lastsMs: briefMs,
    tolerance: unnoticed,
    begin: ({ amqpUrl }, { random }) => repeatMessages(amqpUrl, random),
  },
  // Transactions that it was in keep their locks, since nobody tells MySQL either: writes of others may have to wait for them.
  cut('mysql', 'MySQL', { ...withoutDatabase, refused: (one) => isOfFirst(one) || one.effect !== undefined }),
  cut('redis', 'Redis', withoutCache),
  cut('rabbitmq', 'RabbitMQ', unnoticed),
  cut('s3', 'the files', { ...withoutFiles, refused: (one) => isOfFirst(one) && isUpload(one) }),
];

function engineKill(name: EngineName, title: string, tolerance: Tolerance): FaultOf<ProductionParts> {
  return {
    name: `${name}-kill`,
    title,
    lastsMs: briefMs,
    tolerance,
    begin: async ({ engines }) => {
      await engines[name].kill();
      return { end: () => engines[name].start() };
    },
  };
}

/** Killed when a part of an upload has reached it. */
async function killDuringUpload({ engines, ways, apis }: ProductionParts, { upload }: Scene): Promise<Ongoing> {
  const before = ways.s3.takenBytes;
  const uploading = upload(apis[0].api);
  const begun = waitFor('the upload', uploadBeginsMs, lookEveryMs, () =>
    ways.s3.takenBytes - before > begunBytes ? true : undefined,
  );
  // It may be refused before it begins, where another fault is on.
  await Promise.race([uploading, begun.catch(() => undefined)]);
  await engines.s3.kill();
  const end = async (): Promise<void> => {
    await engines.s3.start();
    await uploading;
  };
  return { end };
}

const isOfFirst = ({ api }: Operation): boolean => api === firstApi;

/** Of the first api alone: the others go on as if nothing were. */
function cut(engine: EngineName, words: string, tolerance: Tolerance): FaultOf<ProductionParts> {
  return {
    name: `cut-${engine}`,
    title: `the first api is cut off from ${words}: nothing passes and nobody is told`,
    lastsMs: silentMs,
    tolerance,
    begin: async ({ ways }) => {
      ways[engine].cut();
      return { end: async () => ways[engine].mend() };
    },
  };
}
