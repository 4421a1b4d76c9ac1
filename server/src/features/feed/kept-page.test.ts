import { limits } from '@tiktok-server/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seedSettings, seedUser, seedVideos } from '../../../test/seed.ts';
import { startTestServer, type TestServer, type TestUser } from '../../../test/server.ts';
import { createFacts, type Facts } from '../../read/index.ts';
import type { Caller } from '../handler.ts';
import { createFeed, type Feed } from './feed.routes.ts';

/** The guests' page that is kept as bytes, and a write that comes while it is being made. */
let server: TestServer;
let reader: TestUser;
let newest: number;
beforeAll(async () => {
  server = await startTestServer(seedSettings);
  reader = await seedUser(server);
  const videos = await seedVideos(server, await seedUser(server), limits.feedPageVideos);
  newest = videos.at(-1)?.id ?? 0;
});
afterAll(() => server.close());

const guest: Caller = { userId: undefined, address: '', baseUrl: 'http://test.local', language: 'en' };

/** The server's own feed, on its database and cache, but that its facts wait for a signal before they are handed on. */
function feedThatWaits(): { feed: Feed; reached: Promise<void>; go: () => void } {
  const { database, cache, publishing } = server.context;
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  // Regions of a cache are opened once: these facts take the values from the database, the generation from the cache.
  const own = createFacts({ database, cache: { ...cache, region: () => missing } });
  const facts: Facts = {
    ...own,
    viewer: async (...args) => {
      const read = await own.viewer(...args);
      reached.resolve();
      await gate.promise;
      return read;
    },
  };
  const feed = createFeed({ database, cache: { ...cache, region: () => missing }, facts, clock: publishing.clock });
  return { feed, reached: reached.promise, go: gate.resolve };
}
const missing = {
  lookUp: async (ids: readonly string[]) => ids.map(() => ({ hit: false, lease: '' }) as const),
  fill: async () => undefined,
};

it('is not kept when a write was answered while it was made', async () => {
  const { feed, reached, go } = feedThatWaits();
  const made = feed.handlers.feed({ input: { latest_time: undefined }, caller: guest, files: {} });
  await reached;
  const liked = await server.call('like', { video_id: newest, action_type: 1 }, { token: reader.token });
  expect(liked.status_code).toBe(0);
  go();
  await made;
  expect(feed.ready({ latest_time: undefined }, guest.baseUrl)).toBeUndefined();
});

it('is kept when none was', async () => {
  const { feed, go } = feedThatWaits();
  go();
  await feed.handlers.feed({ input: { latest_time: undefined }, caller: guest, files: {} });
  expect(feed.ready({ latest_time: undefined }, guest.baseUrl)).toBeDefined();
  await server.call('like', { video_id: newest, action_type: 2 }, { token: reader.token });
  expect(feed.ready({ latest_time: undefined }, guest.baseUrl)).toBeUndefined();
});
