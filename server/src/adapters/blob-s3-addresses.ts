/** Where clients get an object: a signed address, or a public one. */
import { createHash } from 'node:crypto';
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { type BlobLocation, BlobMissingError, BlobStoreUnavailableError } from '../ports/index.ts';
import type { S3Connection } from './blob-s3-connection.ts';

/**
 * Everyone gets the same address of an object for so long, so that browsers and CDNs that have it need not fetch it again;
 * nothing is asked and nothing is signed meanwhile.
 */
const windowMs = 12 * 60 * 60_000;
/** Handed out at the end of its window, an address is still good for half of this: whoever pauses a video can go on. */
const signatureLifeMs = 2 * windowMs;
/** How long a redirect may be kept by who got it. Deleted files are forgotten after it, where S3 would be asked in vain. */
const redirectMaxAgeMs = 60 * 60_000;
/** Addresses in memory, at about 1 KB. */
const maxAddresses = 4_096;

type Address = {
  readonly url: string;
  /** When the next one is made. */
  readonly untilMs: number;
  /** When it stops to work. */
  readonly expiresMs: number;
  readonly accessKeyId: string;
};

export type Addresses = {
  locate(key: string, method: 'GET' | 'HEAD'): Promise<BlobLocation | undefined>;
  /** These objects are gone. */
  forget(isGone: (key: string) => boolean): void;
};

export function createAddresses(
  s3: S3Connection,
  options: { readonly publicUrl: string | undefined; readonly now: () => number },
): Addresses {
  const { publicUrl, now } = options;
  /** Oldest first; being there means that the object was there when it was put in. */
  const known = new Map<string, Address>();
  const asking = new Map<string, Promise<Address | undefined>>();
  let forgotten = 0;

  const addressOf = async (key: string, method: 'GET' | 'HEAD' = 'GET'): Promise<Address> => {
    const nowMs = now();
    if (publicUrl !== undefined) {
      return {
        url: `${publicUrl}/${key}`,
        untilMs: nowMs + windowMs,
        expiresMs: Number.POSITIVE_INFINITY,
        accessKeyId: '',
      };
    }
    const { accessKeyId, expiration } = await s3.signer.config.credentials();
    // Each key has a window of its own, or all would be made anew at the same moment.
    const offset = createHash('sha256').update(key).digest().readUInt32BE() % windowMs;
    const sinceMs = Math.floor((nowMs - offset) / windowMs) * windowMs + offset;
    const object = { Bucket: s3.bucket, Key: key };
    const signing = { signingDate: new Date(sinceMs), expiresIn: signatureLifeMs / 1_000 };
    const url =
      method === 'HEAD'
        ? await getSignedUrl(s3.signer, new HeadObjectCommand(object), signing)
        : await getSignedUrl(s3.signer, new GetObjectCommand(object), signing);
    // What temporary credentials have signed ends with them.
    const expiresMs = Math.min(sinceMs + signatureLifeMs, expiration?.getTime() ?? Number.POSITIVE_INFINITY);
    return { url, untilMs: sinceMs + windowMs, expiresMs, accessKeyId };
  };

  const isThere = async (key: string): Promise<boolean> => {
    try {
      await s3.call('control', (client, abortSignal) =>
        client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key: key }), { abortSignal }),
      );
      return true;
    } catch (error) {
      if (error instanceof BlobMissingError) return false;
      throw error;
    }
  };

  const ask = async (key: string): Promise<Address | undefined> => {
    const before = forgotten;
    try {
      if (!(await isThere(key))) return undefined;
    } catch (error) {
      // The client may reach what this process does not, and learns from S3 if there is nothing.
      if (error instanceof BlobStoreUnavailableError) return await addressOf(key);
      throw error;
    }
    const address = await addressOf(key);
    if (forgotten === before) {
      known.delete(key);
      known.set(key, address);
      const [oldest] = known.keys();
      if (known.size > maxAddresses && oldest !== undefined) known.delete(oldest);
    }
    return address;
  };

  const askOnce = (key: string): Promise<Address | undefined> => {
    const asked = asking.get(key) ?? ask(key).finally(() => asking.delete(key));
    asking.set(key, asked);
    return asked;
  };

  const isUsable = async ({ untilMs, expiresMs, accessKeyId }: Address): Promise<boolean> => {
    if (now() >= Math.min(untilMs, expiresMs)) return false;
    return publicUrl !== undefined || (await s3.signer.config.credentials()).accessKeyId === accessKeyId;
  };

  return {
    locate: async (key, method) => {
      const old = known.get(key);
      const found = old !== undefined && (await isUsable(old)) ? old : await askOnce(key);
      if (found === undefined) return undefined;
      // A signature is for one method. Few ask with HEAD.
      const address = method === 'HEAD' ? await addressOf(key, 'HEAD') : found;
      const leftMs = Math.max(0, address.expiresMs - now());
      const maxAgeSeconds = Math.floor(Math.min(redirectMaxAgeMs, leftMs / 2) / 1_000);
      return { kind: 'redirect', url: address.url, maxAgeSeconds };
    },
    forget: (isGone) => {
      forgotten += 1;
      for (const key of known.keys()) if (isGone(key)) known.delete(key);
    },
  };
}
