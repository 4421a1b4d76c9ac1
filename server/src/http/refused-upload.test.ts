import { errors } from '@tiktok-server/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer, type TestUser } from '../../test/server.ts';

describe('a refused upload', () => {
  let server: TestServer;
  let user: TestUser;
  beforeAll(async () => {
    server = await startTestServer({ UPLOAD_MAX_SIZE: '1MB' });
    user = await server.user();
  });
  afterAll(() => server.close());

  // More than is read over: what is cut off in the end still gets the reason for which it was refused.
  const huge = Buffer.alloc(66 * 1024 * 1024);

  it('is too large, however much too large it is', async () => {
    const answer = await server.call('publish', {}, { token: user.token, files: { data: huge } });
    expect(answer.status_code).toBe(errors.ErrFileTooLarge.code);
    expect(answer.status_msg).toContain('data must be at most 1 MiB');
  });

  it('is refused for a bad token that came before it, however large it is', async () => {
    const headers = { authorization: 'Bearer forged' };
    const answer = await server.call('publish', {}, { headers, files: { data: huge } });
    expect(answer.status_code).toBe(errors.ErrTokenInvalid.code);
  });
});
