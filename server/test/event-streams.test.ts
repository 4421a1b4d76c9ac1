import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { operations } from '@tiktok-server/contract';
import { expect, it } from 'vitest';
import { openEvents, readEvents } from './events.ts';
import { seedSettings, seedUser, seedVideo } from './seed.ts';
import { startTestServer, temporaryFolder } from './server.ts';
import { listen, open, requestText } from './sockets.ts';

/** Event streams among everything else that a server does: its other requests, its log and its end. */
it('take no place of the requests in flight, end when the server does, and are logged then', async () => {
  const logs = temporaryFolder();
  const file = join(logs.path, 'server.log');
  const server = await startTestServer({
    ...seedSettings,
    MAX_REQUESTS_IN_FLIGHT: '1',
    LOG_LEVEL: 'info',
    LOG_FILE: file,
  });
  try {
    const author = await seedUser(server);
    const videoId = await seedVideo(server, author);
    const port = await listen(server);
    const path = `${operations.publishEvents.path}?video_id=${videoId}&token=${author.token}`;
    const staying = await openEvents(`http://127.0.0.1:${port}${path}`);
    expect((await staying.next())?.data).toMatchObject({ status_code: 0, state: 'ready', progress: 0 });
    const leaving = open(port);
    leaving.write(requestText('GET', path));
    await once(leaving.socket, 'data');
    const status = await fetch(`http://127.0.0.1:${port}${operations.publishStatus.path}?video_id=${videoId}`);
    expect(status.status).toBe(200);
    leaving.reset();
    await server.close();
    expect(readEvents(await staying.ended()).events).toHaveLength(1);
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"operation":"publishEvents"'));
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({
        method: 'GET',
        path: operations.publishEvents.path,
        status: 200,
        code: 0,
        userId: author.id,
      });
      expect(line).not.toContain(author.token);
    }
  } finally {
    await server.close();
    logs.remove();
  }
});
