/** Copies inside the bucket: the server does it, nothing passes through this process. */
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { S3Connection } from './blob-s3-connection.ts';
import { abortUpload } from './blob-s3-removal.ts';
import type { UploadTarget } from './blob-s3-upload.ts';

/**
 * What one request copies: all that AWS and OSS let it. Where a copy is a reference (Ceph), one takes no time and parts do;
 * where it is a real one, as long as the server answers it is waited for.
 */
const copyPartMinBytes = 1024 ** 3;
const maxParts = 9_000;
const partsAtOnce = 4;

/** Copies the object under `from`, of `sizeBytes`, to `target`, which is there whole or not at all. */
export async function copyObject(
  s3: S3Connection,
  from: string,
  target: UploadTarget,
  sizeBytes: number,
  partMinBytes = copyPartMinBytes,
): Promise<void> {
  const object = { Bucket: s3.bucket, Key: target.key };
  // Keys need no encoding.
  const CopySource = `${s3.bucket}/${from}`;
  const partBytes = Math.max(partMinBytes, Math.ceil(sizeBytes / maxParts));
  if (sizeBytes <= partBytes) {
    await s3.call('bulk', (client, abortSignal) =>
      client.send(new CopyObjectCommand({ ...object, ...target.headers, CopySource, MetadataDirective: 'REPLACE' }), {
        abortSignal,
      }),
    );
    return;
  }
  const { UploadId } = await s3.call('control', (client, abortSignal) =>
    client.send(new CreateMultipartUploadCommand({ ...object, ...target.headers }), { abortSignal }),
  );
  const copyPart = async (PartNumber: number): Promise<{ PartNumber: number; ETag: string | undefined }> => {
    const start = (PartNumber - 1) * partBytes;
    const CopySourceRange = `bytes=${start}-${Math.min(start + partBytes, sizeBytes) - 1}`;
    const { CopyPartResult } = await s3.call('bulk', (client, abortSignal) =>
      client.send(new UploadPartCopyCommand({ ...object, UploadId, PartNumber, CopySource, CopySourceRange }), {
        abortSignal,
      }),
    );
    return { PartNumber, ETag: CopyPartResult?.ETag };
  };
  try {
    const count = Math.ceil(sizeBytes / partBytes);
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (let first = 1; first <= count; first += partsAtOnce) {
      const numbers = Array.from({ length: Math.min(partsAtOnce, count - first + 1) }, (_, index) => first + index);
      Parts.push(...(await Promise.all(numbers.map(copyPart))));
    }
    const command = { ...object, UploadId, MultipartUpload: { Parts } };
    await s3.call('control', (client, abortSignal) =>
      client.send(new CompleteMultipartUploadCommand(command), { abortSignal }),
    );
  } catch (error) {
    // What cannot be ended now is ended by the bucket's lifecycle rule.
    await abortUpload(s3, target.key, UploadId).catch(() => undefined);
    throw error;
  }
}
