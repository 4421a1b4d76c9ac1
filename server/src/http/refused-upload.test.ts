import { errors } from '@tiktok-server/contract';
import { expect, it } from 'vitest';
import { startTestServer } from '../../test/server.ts';

// A refused body is read over up to a bound and then cut off: the reason has to survive that.
it('a file is too large, however much too large it is', async () => {
  const server = await startTestServer({ UPLOAD_MAX_SIZE: '1MB' });
  try {
    const { token } = await server.user();
    const data = Buffer.alloc(66 * 1024 * 1024);
    const answer = await server.call('publish', {}, { token, files: { data } });
    expect(answer.status_code).toBe(errors.ErrFileTooLarge.code);
    expect(answer.status_msg).toContain('data must be at most 1 MiB');
  } finally {
    await server.close();
  }
});
