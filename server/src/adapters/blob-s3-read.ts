/** Reading a small object into memory. */
import { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { BlobMissingError, BlobTooLargeError } from '../ports/index.ts';
import type { S3Connection } from './blob-s3-connection.ts';

/** `undefined` if there is none; rejects with {@link BlobTooLargeError} if it is larger than `maxBytes`. */
export async function readObject(s3: S3Connection, Key: string, maxBytes: number): Promise<Buffer | undefined> {
  const read = s3.call('control', async (client, abortSignal) => {
    const { Body, ContentLength } = await client.send(new GetObjectCommand({ Bucket: s3.bucket, Key }), {
      abortSignal,
    });
    if (ContentLength !== undefined && ContentLength <= maxBytes) {
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    }
    // Its bytes would keep the socket. It is no failure of the server, so it is not thrown here.
    if (Body instanceof Readable) Body.destroy();
    return 'too large';
  });
  const found = await read.catch((error: unknown) => {
    if (error instanceof BlobMissingError) return undefined;
    throw error;
  });
  if (found === 'too large') throw new BlobTooLargeError(`more than ${maxBytes} bytes`);
  return found;
}
