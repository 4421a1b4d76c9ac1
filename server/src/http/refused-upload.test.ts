import { errors } from '@tiktok-server/contract';
import { expect, it } from 'vitest';
import { multipart, startTestServer } from '../../test/server.ts';
import { answerOf, listen, open, requestText } from '../../test/sockets.ts';

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

it('a body beyond all bounds is answered, and its client not kept waiting with the rest of it', async () => {
  const server = await startTestServer({ UPLOAD_MAX_SIZE: '1MB' });
  try {
    const port = await listen(server);
    const body = multipart([], { data: Buffer.alloc(70 * 1024 * 1024) });
    const headers = { ...body.headers, 'content-length': String(body.payload.length) };
    const head = requestText('POST', '/douyin/user/register/?username=a&password=password', headers);
    const startedMs = performance.now();
    const connection = open(port);
    connection.write(Buffer.concat([Buffer.from(head), body.payload]));
    const answer = answerOf(await connection.response());
    expect(answer).toMatchObject({ status_code: errors.ErrBind.code, user_id: 0, token: '' });
    // The rest is read over as well, so the connection can be used again.
    connection.write(requestText('GET', '/healthz'));
    expect((await connection.response()).status).toBe(200);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    connection.socket.destroy();
  } finally {
    await server.close();
  }
});
