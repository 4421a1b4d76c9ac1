/** Many rows at once, straight through the stores: for tests of what comes after, where registering and encoding say nothing. */
import { SignJWT } from 'jose';
import { feedHeadKey, userKey, videoKey } from '../src/read/index.ts';
import { userStore, videoStore } from '../src/store/index.ts';
import type { TestServer, TestUser } from './server.ts';

/** Start the server with these settings where seeded users have to be signed in. */
export const seedSecret = 'a secret of at least 32 characters, known to the tests';
export const seedSettings = { JWT_SECRET: seedSecret } as const;

let seeded = 0;

/** Users with tokens, made in one transaction and without the cost of a password hash: they cannot log in. */
export async function seedUsers(server: TestServer, count: number): Promise<TestUser[]> {
  const { ids, clock } = server.context.publishing;
  const users = await server.context.database.transaction(async (trx) => {
    const made: { id: number; name: string }[] = [];
    for (let i = 0; i < count; i += 1) {
      seeded += 1;
      const user = { id: ids.next(), name: `seeded ${seeded}` };
      await userStore.insertUser(trx, { ...user, nameKey: user.name, passwordHash: '', createdAt: clock.now() });
      made.push(user);
    }
    return made;
  });
  return await Promise.all(
    users.map(async (user) => ({ ...user, token: await tokenFor(server, user.id), password: '' })),
  );
}

/** One user of {@link seedUsers}. */
export async function seedUser(server: TestServer): Promise<TestUser> {
  const [user] = await seedUsers(server, 1);
  if (user === undefined) throw new Error('no user was made');
  return user;
}

/** A token as the server itself would issue it; `expiresInMs` from now may be negative, `secret` another one. */
export async function tokenFor(
  server: TestServer,
  userId: number,
  { expiresInMs = 20 * 24 * 60 * 60_000, secret = seedSecret }: { expiresInMs?: number; secret?: string } = {},
): Promise<string> {
  return await new SignJWT({ ver: 1 })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(String(userId))
    .setExpirationTime(Math.floor((server.context.publishing.clock.now() + expiresInMs) / 1000))
    .sign(new TextEncoder().encode(secret));
}

/** Signed with a secret of somebody else. */
export const forgedTokenFor = (server: TestServer, userId: number): Promise<string> =>
  tokenFor(server, userId, { secret: 'somebody else’s secret of more than 32 characters' });

export type SeededVideo = { readonly id: number; readonly publishedAt: number };

/** Visible videos without files, in one transaction; the last one is the newest. */
export async function seedVideos(server: TestServer, author: TestUser, count: number): Promise<SeededVideo[]> {
  const { ids, clock, writer } = server.context.publishing;
  return await writer.write(async ({ trx, invalidate }) => {
    const made: SeededVideo[] = [];
    for (let i = 0; i < count; i += 1) {
      const id = ids.next();
      const publishedAt = await videoStore.nextPublishedAt(trx, clock.now());
      await videoStore.insertVideo(trx, {
        id,
        author_id: author.id,
        title: `seeded ${i + 1}`,
        state: 'ready',
        published_at: publishedAt,
        play_key: `videos/${id}/seeded.mp4`,
        cover_key: null,
        placeholder: null,
        duration_ms: 1_000,
        width: 64,
        height: 64,
        size_bytes: 1_000,
        sha256: '',
      });
      made.push({ id, publishedAt });
      invalidate(videoKey(id));
    }
    await userStore.addToUserCounter(trx, [author.id], 'work_count', count);
    invalidate(userKey(author.id), feedHeadKey);
    return made;
  });
}

/** One video of {@link seedVideos}. */
export async function seedVideo(server: TestServer, author: TestUser): Promise<number> {
  const [video] = await seedVideos(server, author, 1);
  if (video === undefined) throw new Error('no video was made');
  return video.id;
}
