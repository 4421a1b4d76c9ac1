/** Headers in which S3 servers differ from what the client library sends by itself. */
import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';

type Plugin = Parameters<S3Client['middlewareStack']['use']>[0];
type Headers = Record<string, string>;

const headersOf = (request: unknown): Headers | undefined =>
  typeof request === 'object' && request !== null && 'headers' in request && isHeaders(request.headers)
    ? request.headers
    : undefined;
const bodyOf = (request: unknown): unknown =>
  typeof request === 'object' && request !== null && 'body' in request ? request.body : undefined;
const isHeaders = (value: unknown): value is Headers => typeof value === 'object' && value !== null;

/**
 * Where a checksum of the body is required (deleting many objects, lifecycle rules), the library sends a CRC-32, which
 * Alibaba OSS and older MinIO and Ceph do not know. All servers, AWS too, take an MD5.
 */
export const checksumAsMd5: Plugin = {
  applyToStack: (stack) => {
    stack.add(
      (next) => (given) => {
        const headers = headersOf(given.request);
        const body = bodyOf(given.request);
        if (
          headers?.['x-amz-checksum-crc32'] !== undefined &&
          (typeof body === 'string' || body instanceof Uint8Array)
        ) {
          delete headers['x-amz-checksum-crc32'];
          delete headers['x-amz-sdk-checksum-algorithm'];
          headers['content-md5'] = createHash('md5').update(body).digest('base64');
        }
        return next(given);
      },
      // After the library's own.
      { name: 'checksumAsMd5', step: 'build', priority: 'low' },
    );
  },
};

const knownHashes = new WeakMap<object, string>();

/** Gives a body whose SHA-256 is known already; requests with it are signed with that, by {@link hashesOfBodies}. */
export function withKnownHash<T extends object>(body: T, sha256: string): T {
  knownHashes.set(body, sha256);
  return body;
}

/** Signs streams with their hash, so that the server refuses what arrives as anything else; else they are not signed. */
export const hashesOfBodies: Plugin = {
  applyToStack: (stack) => {
    stack.add(
      (next) => (given) => {
        const headers = headersOf(given.request);
        const body = bodyOf(given.request);
        const sha256 = typeof body === 'object' && body !== null ? knownHashes.get(body) : undefined;
        if (headers !== undefined && sha256 !== undefined) headers['x-amz-content-sha256'] = sha256;
        return next(given);
      },
      { name: 'hashesOfBodies', step: 'build' },
    );
  },
};
