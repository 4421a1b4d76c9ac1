/** Resumable uploads among several processes behind one address: MySQL and S3 are what they meet in. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Context, createContext } from '../src/context.ts';
import { describeEngine } from './engines.ts';
import { listOf, someVideo, startTestServer, temporaryFolder } from './server.ts';
import { listen, open, requestText } from './sockets.ts';
import { refusalOf, tusUpload } from './tus.ts';

/** Two whole servers of the production form. */
const timeoutMs = 90_000;
const chunkBytes = 64 * 1024;

/** Another process of the same installation, with a folder of its own. */
async function beside({ context }: { readonly context: Context }) {
  const folder = temporaryFolder();
  const another = await createContext({ ...context.config, dataDir: join(folder.path, 'data') });
  return {
    context: another,
    close: async () => {
      await another.close();
      folder.remove();
    },
  };
}

describeEngine('s3', () => {
  it('goes on at whichever process its requests come to, and they never write at once', {
    timeout: timeoutMs,
  }, async () => {
    const server = await startTestServer();
    const other = await beside(server);
    try {
      const urls = [await listen(server), await listen({ ...server, context: other.context })].map(
        (port) => `http://127.0.0.1:${port}`,
      );
      const [here = '', there = ''] = urls;
      const user = await server.user();
      const first = tusUpload(here, user, someVideo, {
        retryDelays: [],
        onChunkComplete: (_size, accepted) => {
          if (accepted === 2 * chunkBytes) void first.upload.abort();
        },
      });
      await expect.poll(() => first.answers, { timeout: 30_000 }).toHaveLength(3);
      const path = new URL(first.upload.url ?? '').pathname;
      // One of the processes has a request whose client is gone, without its having been told.
      const stuck = open(Number(new URL(here).port));
      const headers = { authorization: `Bearer ${user.token}`, 'tus-resumable': '1.0.0', expect: '100-continue' };
      const patch = { ...headers, 'upload-offset': String(2 * chunkBytes), 'content-length': '100000' };
      stuck.write(requestText('PATCH', path, { ...patch, 'content-type': 'application/offset+octet-stream' }));
      expect((await stuck.response({ bodiless: true })).status).toBe(100);
      stuck.write(someVideo.subarray(2 * chunkBytes, 2 * chunkBytes + 1_000));
      const second = tusUpload(there, user, someVideo, { uploadUrl: `${there}${path}` });
      expect((await second.done)('upload-video-id')).toBeDefined();
      stuck.reset();
      expect(listOf(await server.call('publishList', {}, { token: user.token }), 'video_list')).toHaveLength(1);
      // What became of it is known everywhere.
      const again = tusUpload(here, user, someVideo, { uploadUrl: `${here}${path}` });
      expect((await again.done)('upload-video-id')).toBe((await second.done)('upload-video-id'));
      const none = tusUpload(here, { token: 'nobody' }, someVideo, { uploadUrl: `${here}${path}`, retryDelays: [] });
      expect((await refusalOf(none.done)).status).toBe(401);
    } finally {
      await other.close();
      await server.close();
    }
  });
});
