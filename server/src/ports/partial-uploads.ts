/**
 * The bytes of resumable uploads until all of them are there: appended piece by piece, by whichever process is asked. Whose
 * they are and when they go is said by rows; here an upload is an id of 32 hex digits and a number of bytes, and one of
 * which nothing has come is as good as one that does not exist.
 *
 * Two writers of one upload are kept apart by its lock. Where that fails, bytes that were acknowledged stay all the same.
 */
export interface PartialUploads {
  /** How many bytes are there: where to go on. What was acknowledged is, whatever happened to who took it. */
  offset(id: string): Promise<number>;
  /**
   * Appends `source` to the first `offset` bytes, which are all that is there; resolves with how many there are then, and
   * these survive a power loss. If `source` fails, what came before is kept and it rejects with that error. Rejects also with
   * {@link BlobStoreFullError} and {@link BlobStoreUnavailableError}. Memory use does not depend on the size.
   */
  append(id: string, offset: number, source: AsyncIterable<Uint8Array>): Promise<number>;
  /**
   * Puts the first `sizeBytes` bytes, which are all, into a new local file at `path`, without copying them where that can be
   * avoided; nobody appends any more then.
   */
  assemble(id: string, sizeBytes: number, path: string): Promise<void>;
  /** Removes all of it; fine if there is nothing. */
  remove(id: string): Promise<void>;
  close(): void;
}
