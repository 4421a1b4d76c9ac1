import { once } from 'node:events';
import { get } from 'node:http';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { describeEngine } from '../../test/engines.ts';
import { useS3Stores } from '../../test/s3-stores.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import { createAddresses } from './blob-s3-addresses.ts';
import { connectS3 } from './blob-s3-connection.ts';

const hourMs = 60 * 60_000;
const key = 'videos/1/a.mp4';

describeEngine('s3', (url) => {
  const s3 = useS3Stores(url);
  const { open } = s3;
  const put = async (store: BlobStore, content = '0123456789', under = key): Promise<void> =>
    (await store.stage(Readable.from([content]), { maxBytes: 100 })).promote(under);
  const urlOf = async (store: BlobStore, of: string, method?: 'HEAD'): Promise<string> => {
    const location = await store.locate(of, method);
    if (location?.kind !== 'redirect') throw new Error(`no address of ${of}`);
    return location.url;
  };

  it('are good for ranges and, asked for with it, for HEAD', async () => {
    const store = await open();
    await put(store);
    const part = await fetch(await urlOf(store, key), { headers: { range: 'bytes=2-4' } });
    expect([part.status, await part.text(), part.headers.get('content-type')]).toEqual([206, '234', 'video/mp4']);
    const head = await fetch(await urlOf(store, key, 'HEAD'), { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '10']);
  });

  it('are refused by S3 when they were changed, or have expired', async () => {
    const store = await open({ now: () => Date.now() - 25 * hourMs });
    await put(store);
    expect((await fetch(await urlOf(store, key))).status).toBe(403);
    const fresh = await open();
    const address = await urlOf(fresh, key);
    expect((await fetch(address)).status).toBe(200);
    await put(fresh, 'other', 'videos/2/b.mp4');
    expect((await fetch(address.replace('videos/1/a', 'videos/2/b'))).status).toBe(403);
    expect((await fetch(address.replace(/Signature=.{4}/, 'Signature=0000'))).status).toBe(403);
  });

  it('stay the same for hours, and are good for as long after', async () => {
    let nowMs = Date.now();
    const store = await open({ now: () => nowMs });
    await put(store);
    const seen = new Map<string, number[]>();
    for (let hour = 0; hour < 24; hour += 1) {
      const address = await urlOf(store, key);
      seen.set(address, [...(seen.get(address) ?? []), nowMs]);
      nowMs += hourMs;
    }
    expect(seen.size).toBeLessThanOrEqual(3);
    for (const [address, times] of seen) {
      const { searchParams } = new URL(address);
      const day = (searchParams.get('X-Amz-Date') ?? '').replace(
        /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/,
        '$1-$2-$3T$4:$5:$6Z',
      );
      const ends = Date.parse(day) + Number(searchParams.get('X-Amz-Expires')) * 1_000;
      for (const time of times) expect(ends - time).toBeGreaterThanOrEqual(12 * hourMs);
    }
  });

  it('are those of the public address where there is one', async () => {
    const publicUrl = 'https://cdn.example.org/media';
    const store = await open({ storage: { ...s3.bucket.storage, publicUrl } });
    await put(store);
    expect(await store.locate(key)).toEqual({ kind: 'redirect', url: `${publicUrl}/${key}`, maxAgeSeconds: 3_600 });
    expect(await store.locate('videos/1/none.mp4')).toBeUndefined();
  });

  it('have the bucket in their host name where the server wants it there', async () => {
    await put(await open());
    const { hostname, port } = new URL(s3.bucket.address.endpoint);
    // No name server knows it, so that it is not asked whether the object is there.
    const connection = connectS3({ ...s3.bucket.storage, endpoint: `http://localhost:${port}`, pathStyle: false });
    const location = await createAddresses(connection, { publicUrl: undefined, now: Date.now }).locate(key, 'GET');
    connection.close();
    if (location?.kind !== 'redirect') throw new Error('no address');
    const { host, pathname, search } = new URL(location.url);
    expect([host, pathname]).toEqual([`${s3.bucket.address.bucket}.localhost:${port}`, `/${key}`]);
    const request = get({ hostname, port, path: pathname + search, headers: { host } });
    const [response] = await once(request, 'response');
    expect(response.statusCode).toBe(200);
    response.resume();
    await once(response, 'end');
  });

  it('of deleted files are forgotten', async () => {
    const store = await open();
    for (const remove of [() => store.delete([key]), () => store.deleteFolder('videos/1')]) {
      await put(store);
      expect(await store.locate(key)).toBeDefined();
      await remove();
      expect(await store.locate(key)).toBeUndefined();
    }
  });
});
