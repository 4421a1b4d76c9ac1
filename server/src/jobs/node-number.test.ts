import { afterEach, beforeEach, expect, it } from 'vitest';
import { createManualClock, type ManualClock } from '../../test/manual-clock.ts';
import { openTemporaryDatabase, type TemporaryDatabase } from '../../test/temporary-database.ts';
import { createTimeIdSource, idTimeMs } from '../adapters/id-source-time.ts';
import { NodeNumberLostError } from '../ports/index.ts';
import { processStore } from '../store/index.ts';
import { type ClaimedNumber, claimNodeNumber } from './index.ts';

let store: TemporaryDatabase;
let clock: ManualClock;
let claimed: ClaimedNumber[];
let logged: string[];
beforeEach(async () => {
  store = await openTemporaryDatabase();
  clock = createManualClock();
  claimed = [];
  logged = [];
});
afterEach(async () => {
  await Promise.all(claimed.map((number) => number.close()));
  await store.remove();
});

const numbers = 64;
const leaseMs = 30_000;
const log = { debug: () => undefined, error: (_fields: object, message: string) => void logged.push(message) };

async function claim(own = clock, afterMs = 0): Promise<ClaimedNumber> {
  const number = await claimNodeNumber({ database: store.database, clock: own, role: 'api', log, afterMs });
  claimed.push(number);
  return number;
}
/** As if it had been killed: it gives nothing back. */
const forget = (): void => void claimed.splice(0);
const rowOf = async (node: number) => (await processStore.listProcesses(store.database.reader))[node];

it('gives every process another number, however many start at once', async () => {
  const all = await Promise.all(Array.from({ length: numbers }, () => claim()));
  expect(new Set(all.map(({ node }) => node)).size).toBe(numbers);
  expect(all.every(({ node }) => node >= 0 && node < numbers)).toBe(true);
});

it('says when there is none left, and has those again that are given back', async () => {
  for (let count = 0; count < numbers; count += 1) await claim();
  await expect(claim()).rejects.toThrow(/^DATABASE_URL: 64 processes .*Stop one/);
  const [first] = claimed.splice(0, 1);
  await first?.close();
  expect((await claim()).node).toBe(first?.node);
});

it('keeps a number as long as it is renewed, and notes whose it is', async () => {
  const { node, renew } = await claim();
  for (let round = 0; round < 10; round += 1) {
    clock.advance(leaseMs - 1);
    await renew();
  }
  expect(await rowOf(node)).toMatchObject({ role: 'api', lease_until: clock.now() + leaseMs });
  expect((await rowOf(node))?.owner).toMatch(/^[0-9a-f]{32}$/);
});

it('gives the number of a process that died to another, once its lease is over', async () => {
  for (let count = 0; count < numbers; count += 1) await claim();
  forget();
  clock.advance(leaseMs - 1);
  await expect(claim()).rejects.toThrow('64 processes');
  clock.advance(1);
  expect((await claim()).node).toBeGreaterThanOrEqual(0);
});

it('makes no id with a number whose lease is over, and makes some again when it has one', async () => {
  const number = await claim();
  const ids = createTimeIdSource({ clock, node: number });
  const before = ids.next();
  clock.advance(leaseMs);
  expect(() => ids.next()).toThrow(NodeNumberLostError);
  await number.renew();
  expect(ids.next()).toBeGreaterThan(before);
  expect(logged).toEqual([]);
});

it('takes another number when one was stopped for so long that all were taken over', async () => {
  const stopped = await claim();
  const ids = createTimeIdSource({ clock, node: stopped });
  const before = ids.next();
  const { node } = stopped;
  clock.advance(leaseMs);
  const now = clock.now();
  const taken = { owner: 'another', role: 'api', lease_until: now + leaseMs };
  const seen = await rowOf(node);
  if (seen === undefined) throw new Error('the number has no row');
  expect(await store.database.transaction((trx) => processStore.takeNumber(trx, seen, taken))).toBe(true);
  expect(await store.database.transaction((trx) => processStore.takeNumber(trx, seen, taken))).toBe(false);
  expect(() => ids.next()).toThrow(NodeNumberLostError);
  await stopped.renew();
  expect(stopped.node).not.toBe(node);
  expect(ids.next()).toBeGreaterThan(before);
  expect(logged.length).toBe(1);
  expect((await rowOf(node))?.owner).toBe('another');
});

it('makes no id twice, although every number goes from hand to hand and the clocks differ', async () => {
  const made: number[] = [];
  for (const aheadMs of [0, -10, 5, -3_600_000, 3_600_000]) {
    const own = createManualClock();
    own.advance(aheadMs);
    const all: ClaimedNumber[] = [];
    for (let count = 0; count < numbers; count += 1) all.push(await claim(own));
    const sources = all.map((node) => createTimeIdSource({ clock: own, node }));
    for (let ms = 0; ms < 20; ms += 1) {
      for (const ids of sources) made.push(ids.next());
      own.advance(1);
    }
    for (const number of claimed.splice(0)) await number.close();
  }
  expect(new Set(made).size).toBe(made.length);
});

it('makes ids that are newer than all that are stored, also when the clock was set back', async () => {
  const ahead = createManualClock();
  ahead.advance(3_600_000);
  const stored = createTimeIdSource({ clock: ahead, node: await claim(ahead) }).next();
  const number = await claim(clock, idTimeMs(stored));
  const ids = createTimeIdSource({ clock, node: number });
  ids.advancePast(stored);
  let last = stored;
  for (let count = 0; count < 10_000; count += 1) {
    const id = ids.next();
    expect(id).toBeGreaterThan(last);
    last = id;
  }
});

it('makes no id after it was given back', async () => {
  const number = await claim();
  const ids = createTimeIdSource({ clock, node: number });
  ids.next();
  await number.close();
  expect(() => ids.next()).toThrow(NodeNumberLostError);
});
