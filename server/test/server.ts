/** A whole server for a test: the production path in this process, on a data folder of its own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Operation, type OperationName, operations } from '@tiktok-server/contract';
import type { BucketAddress } from '../../engines/index.ts';
import { productionEngines } from '../../scripts/test-projects.ts';
import { loadConfig } from '../src/config/index.ts';
import { type Context, createContext, type Overrides } from '../src/context.ts';
import { formOfTests } from './form.ts';
import { quickTools } from './quick-tools.ts';
import { takeSlot } from './slots.ts';

export type Answer = Record<string, unknown> & { readonly status_code: number; readonly status_msg: string };

export type TestServer = {
  readonly context: Context;
  readonly dataDir: string;
  /** Where its files are; undefined: below `dataDir`. */
  readonly bucket: BucketAddress | undefined;
  /** Calls an operation; files go as multipart. */
  call(name: OperationName, parameters?: Parameters, more?: More): Promise<Answer>;
  /** Registers a user with a name that nobody has. */
  user(name?: string): Promise<TestUser>;
  /** Publishes a video and returns its id. */
  publish(user: TestUser, title?: string, file?: Buffer): Promise<number>;
  close(): Promise<void>;
};
export type TestUser = {
  readonly id: number;
  readonly token: string;
  readonly name: string;
  readonly password: string;
};
type Parameters = Readonly<Record<string, string | number | undefined>>;
type More = {
  readonly token?: string;
  readonly files?: Readonly<Record<string, Buffer>>;
  readonly headers?: Record<string, string>;
};

/**
 * A video of one second, made longer by a box that players skip (`free`): large enough to be sent in pieces, and little work for who processes it.
 */
export const someVideo = padded(readFileSync(new URL('./short.mp4', import.meta.url)), 300 * 1024);

function padded(video: Buffer, sizeBytes: number): Buffer<ArrayBuffer> {
  const rest = Buffer.alloc(sizeBytes - video.length);
  rest.writeUInt32BE(rest.length);
  rest.write('free', 4, 'latin1');
  return Buffer.concat([video, rest]);
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'tiktok-server-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export async function startTestServer(
  settings: Readonly<Record<string, string>> = {},
  overrides: Overrides = {},
): Promise<TestServer> {
  const folder = temporaryFolder();
  const slot = formOfTests() === 'production' ? await takeSlot(productionEngines) : undefined;
  const environment = {
    DATA_DIR: folder.path,
    LOG_LEVEL: 'silent',
    RATE_LIMIT: 'off',
    DEMO: 'off',
    TZ: 'UTC',
    // What a graphics card of whoever runs the tests makes is not what they compare with, and trying it takes time.
    VIDEO_ENCODER: 'libx264',
    // Tests wait for conversions, while others keep the processors busy.
    MEDIA_PRIORITY: 'normal',
    ...quickTools(),
    ...slot?.settings,
    ...settings,
  };
  const tidy = (): void => {
    slot?.release();
    folder.remove();
  };
  const context = await createContext(loadConfig({ environment, workingDirectory: folder.path }), {
    ...(overrides.clock !== undefined && { node: 0 }),
    ...overrides,
  }).catch((error: unknown) => {
    tidy();
    throw error;
  });
  let users = 0;
  let closing: Promise<void> | undefined;

  const call: TestServer['call'] = async (name, parameters = {}, more = {}) => {
    const operation: Operation = operations[name];
    const fields = new URLSearchParams();
    for (const [key, value] of Object.entries(parameters)) if (value !== undefined) fields.append(key, String(value));
    if (more.token !== undefined) fields.append('token', more.token);
    const headers = { host: 'test.local', ...more.headers };
    const response =
      more.files === undefined
        ? await context.app.inject({ method: operation.method, url: `${operation.path}?${fields}`, headers })
        : await context.app.inject({
            method: 'POST',
            url: operation.path,
            ...multipart(fields, more.files, headers),
          });
    return parseAnswer(response.body);
  };

  const server: TestServer = {
    context,
    dataDir: folder.path,
    bucket: slot?.bucket,
    call,
    user: async (name) => {
      users += 1;
      const username = name ?? `user${users}`;
      const password = `password of ${username}`.slice(0, 32);
      const answer = await call('register', { username, password });
      if (typeof answer['user_id'] !== 'number' || typeof answer['token'] !== 'string' || answer.status_code !== 0) {
        throw new Error(`registering ${username}: ${answer.status_msg}`);
      }
      return { id: answer['user_id'], token: answer['token'], name: username, password };
    },
    publish: async (user, title = 'A bear', file = someVideo) => {
      const answer = await call('publish', { title }, { token: user.token, files: { data: file } });
      if (answer.status_code !== 0) throw new Error(`publishing: ${answer.status_msg}`);
      const [newest] = listOf(await call('publishList', {}, { token: user.token }), 'video_list');
      return numberOf(newest, 'id');
    },
    close: () => {
      closing ??= context.close().then(tidy);
      return closing;
    },
  };
  return server;
}

export function parseAnswer(body: string): Answer {
  const value: unknown = JSON.parse(body);
  if (!isAnswer(value)) throw new Error(`not an envelope: ${body.slice(0, 200)}`);
  return value;
}

function isAnswer(value: unknown): value is Answer {
  return (
    typeof value === 'object' &&
    value !== null &&
    'status_code' in value &&
    typeof value.status_code === 'number' &&
    'status_msg' in value &&
    typeof value.status_msg === 'string'
  );
}

export type Row = Record<string, unknown>;
const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value);

export function listOf(answer: Row, name: string): Row[] {
  const list = answer[name];
  if (!Array.isArray(list)) throw new Error(`${name} is not a list in ${JSON.stringify(answer).slice(0, 200)}`);
  return list.filter(isRow);
}

export function rowOf(row: Row | undefined, name: string): Row {
  const value = row?.[name];
  if (!isRow(value)) throw new Error(`${name} is not an object in ${JSON.stringify(row)}`);
  return value;
}

export function numberOf(row: Row | undefined, name: string): number {
  const value = row?.[name];
  if (typeof value !== 'number') throw new Error(`${name} is not a number in ${JSON.stringify(row)}`);
  return value;
}

export function textOf(row: Row | undefined, name: string): string {
  const value = row?.[name];
  if (typeof value !== 'string') throw new Error(`${name} is not text in ${JSON.stringify(row)}`);
  return value;
}

/** A multipart body by hand: files first, so that they come before the token, as in the course's tests. */
export function multipart(
  fields: Iterable<readonly [string, string]>,
  files: Readonly<Record<string, Buffer>>,
  headers: Record<string, string> = {},
): { payload: Buffer; headers: Record<string, string> } {
  const boundary = '----tiktok-server-test';
  const parts: Buffer[] = [];
  for (const [name, content] of Object.entries(files)) {
    parts.push(
      Buffer.from(
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="../public/bear.mp4"\r\n\r\n`,
      ),
      content,
      Buffer.from('\r\n'),
    );
  }
  for (const [name, value] of fields) {
    parts.push(Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`));
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`));
  return {
    payload: Buffer.concat(parts),
    headers: { ...headers, 'content-type': `multipart/form-data; boundary=${boundary}` },
  };
}
