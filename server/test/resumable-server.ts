/** What tests of resumable uploads ask a server on a port, and how they do without a client of the protocol. */
import { expect } from 'vitest';
import { type Answer, listOf, parseAnswer, someVideo, type TestServer, type TestUser } from './server.ts';
import { mediaFiles } from './stored.ts';

export const bytesType = { 'content-type': 'application/offset+octet-stream' } as const;

export const idOf = (address: string | null): string => address?.split('/').at(-1)?.replace(/\?.*/, '') ?? '';

export type Reply = {
  readonly status: number;
  readonly header: (name: string) => string | null;
  readonly answer: Answer | undefined;
};

export function uploadsAt(server: TestServer, url: string) {
  const request = async (
    user: Pick<TestUser, 'token'>,
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: Buffer,
  ): Promise<Reply> => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { 'tus-resumable': '1.0.0', authorization: `Bearer ${user.token}`, 'upload-offset': '0', ...headers },
      ...(body !== undefined && { body: new Uint8Array(body) }),
    });
    const text = await response.text();
    const header = (name: string): string | null => response.headers.get(name);
    return { status: response.status, header, answer: text === '' ? undefined : parseAnswer(text) };
  };
  return {
    request,
    titlesOf: async (user: TestUser): Promise<unknown[]> =>
      listOf(await server.call('publishList', {}, { token: user.token }), 'video_list').map((video) => video['title']),
    uploadsOf: async (user: TestUser) =>
      await server.context.database.reader.selectFrom('uploads').selectAll().where('user_id', '=', user.id).execute(),
    partialFiles: async (): Promise<string[]> => (await mediaFiles(server)).filter((name) => name.includes('.partial')),
    /** Begins one of which `sent` bytes are there; returns its address. */
    begin: async (user: TestUser, sent = 100_000, metadata: Readonly<Record<string, string>> = {}): Promise<string> => {
      const pairs = Object.entries(metadata).map(([name, value]) => `${name} ${Buffer.from(value).toString('base64')}`);
      const headers = { 'upload-length': String(someVideo.length), 'upload-metadata': pairs.join(','), ...bytesType };
      const { header, status } = await request(user, 'POST', '/uploads/', headers, someVideo.subarray(0, sent));
      expect(status).toBe(201);
      return header('location') ?? '';
    },
  };
}
export type UploadsAt = ReturnType<typeof uploadsAt>;
