import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createManualClock, type ManualClock } from '../../../test/manual-clock.ts';
import { openTemporaryDatabase } from '../../../test/temporary-database.ts';
import { uploadStore } from '../../store/index.ts';
import { createUploadLocks, UploadLockedError, type UploadLocks } from './upload-locks.ts';

const id = 'a'.repeat(32);
const leaseMs = 5_000;
const nothing = (): void => undefined;
let temporary: Awaited<ReturnType<typeof openTemporaryDatabase>>;
let clock: ManualClock;
beforeEach(async () => {
  clock = createManualClock();
  temporary = await openTemporaryDatabase();
  const upload = {
    id,
    user_id: 1,
    size_bytes: 9,
    title: '',
    metadata: '{}',
    sha256: null,
    expires_at: 9,
    created_at: 0,
  };
  await temporary.database.transaction((trx) => uploadStore.insertUpload(trx, upload));
});
afterEach(() => temporary.remove());

const locksOf = (alone: boolean): UploadLocks => createUploadLocks({ database: temporary.database, clock, alone });
const isFree = async (): Promise<boolean> =>
  (await uploadStore.findUpload(temporary.database.reader, id))?.locked_by === null;

describe.each([
  ['of one process', true],
  ['of several processes', false],
])('requests %s', (_name, alone) => {
  it('have a lock one after the other; who has it learns that it is wanted', async () => {
    const one = locksOf(alone);
    const other = alone ? one : locksOf(alone);
    const makeWay = vi.fn();
    const release = await one.acquire(id, { makeWay });
    let had = false;
    const second = other.acquire(id, { makeWay: nothing }).then((release) => {
      had = true;
      return release;
    });
    await vi.waitFor(() => expect(makeWay).toHaveBeenCalled(), { timeout: 5_000 });
    expect(had).toBe(false);
    await release();
    await (await second)();
    expect(await isFree()).toBe(true);
  });

  it('give up waiting when their own time is up', async () => {
    const one = locksOf(alone);
    const other = alone ? one : locksOf(alone);
    const release = await one.acquire(id, { makeWay: nothing });
    const waiting = other.acquire(id, { makeWay: nothing, signal: AbortSignal.timeout(50) });
    await expect(waiting).rejects.toBeInstanceOf(UploadLockedError);
    await release();
    await (await other.acquire(id, { makeWay: nothing }))();
  });
});

describe('a process that is gone', () => {
  it('leaves a lock that is free when its lease is over, and is told if it was not gone after all', async () => {
    const makeWay = vi.fn();
    const late = await locksOf(false).acquire(id, { makeWay });
    clock.advance(leaseMs);
    const release = await locksOf(false).acquire(id, { makeWay: nothing });
    await vi.waitFor(() => expect(makeWay).toHaveBeenCalled(), { timeout: 5_000 });
    // What it gives back is not its own any more.
    await late();
    expect(await isFree()).toBe(false);
    await release();
    expect(await isFree()).toBe(true);
  });
});
