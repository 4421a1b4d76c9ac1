import { DomainError } from '@tiktok-server/contract';
import type { BlobStore, StagedBlob } from '../ports/index.ts';
import { outboxStore } from '../store/index.ts';
import type { BlobOwner } from './blob-owner.ts';
import type { Unit, Writer } from './writer.ts';

/** How long an interrupted promotion may lie before its files are removed; far more than one takes. */
const abandonedAfterMs = 60 * 60_000;

/**
 * Makes staged files durable together with the row that names them. A file cannot be part of a transaction, so the
 * intent is written first: a job that will remove the files unless their owner's row names them. The transaction that
 * writes the row deletes the job. Whenever the process dies, either the row and its files are there, or the job is.
 *
 * `commit` returns false, or throws a {@link DomainError}, if the row must not be written after all; the files are then
 * removed at once.
 */
export async function promoteWith(
  deps: { readonly writer: Writer; readonly blobs: BlobStore },
  owner: BlobOwner,
  files: readonly { readonly key: string; readonly staged: StagedBlob }[],
  commit: (unit: Unit) => Promise<boolean>,
): Promise<boolean> {
  const keys = files.map((file) => file.key);
  const intent = await deps.writer.write((unit) =>
    unit.enqueue('blobs.reconcile', { ...owner, keys }, { delayMs: abandonedAfterMs, dedupeKey: intentKey(keys) }),
  );
  try {
    for (const file of files) await file.staged.promote(file.key);
  } catch (error) {
    await deps.blobs.delete(keys);
    throw error;
  }
  /** The files first: whatever comes in between, the intent is still there for them. */
  const abandon = async (): Promise<void> => {
    await deps.blobs.delete(keys);
    await deps.writer.write((unit) => outboxStore.deleteJob(unit.trx, intent));
  };
  let committed = false;
  try {
    committed = await deps.writer.write(async (unit) => {
      const done = await commit(unit);
      if (done) await outboxStore.deleteJob(unit.trx, intent);
      return done;
    });
  } catch (error) {
    // What refuses on purpose does so before the commit. Of any other error it may be unknown whether the row was written:
    // the job will look, and keep or remove the files.
    if (error instanceof DomainError) await abandon();
    throw error;
  }
  if (!committed) await abandon();
  return committed;
}

/** Marks the rows that need not wait after a restart, since the process that could have finished them is gone. */
export const intentPrefix = 'promote:';
const intentKey = (keys: readonly string[]): string => `${intentPrefix}${keys[0]}`;
