/** The real tus-js-client against a server on a port, and a way to it that breaks after so many bytes. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { DetailedError, Upload, type UploadOptions } from 'tus-js-client';
import { type Answer, parseAnswer } from './server.ts';

/** As short as a test wants them, and as many as a server needs to start again. */
export const retryDelays: readonly number[] = [0, ...Array.from({ length: 60 }, () => 100)];

export type TusUpload = {
  readonly upload: Upload;
  /** Headers of the last answer, once all of it is there; rejects as `onError` was told. */
  readonly done: Promise<(header: string) => string | undefined>;
  /** What `onProgress` was told. */
  readonly progress: readonly number[];
  /** Requests that were answered, as `PATCH 204`. */
  readonly answers: readonly string[];
};

/** Starts one with the usual options of tus-js-client; `options` replace them. */
export function tusUpload(
  url: string,
  user: { readonly token: string },
  file: Buffer,
  options: UploadOptions = {},
): TusUpload {
  const progress: number[] = [];
  const answers: string[] = [];
  let settle: Parameters<ConstructorParameters<typeof Promise<(header: string) => string | undefined>>[0]>;
  const done = new Promise<(header: string) => string | undefined>((...given) => {
    settle = given;
  });
  // A test that expects a failure may ask later.
  done.catch(() => undefined);
  const upload = new Upload(file, {
    endpoint: `${url}/uploads/`,
    headers: { authorization: `Bearer ${user.token}` },
    chunkSize: 64 * 1024,
    retryDelays: [...retryDelays],
    ...options,
    onProgress: (sent, total) => {
      progress.push(sent);
      options.onProgress?.(sent, total);
    },
    onAfterResponse: (request, response) => {
      answers.push(`${request.getMethod()} ${response.getStatus()}`);
    },
    onSuccess: ({ lastResponse }) => settle[0]((header) => lastResponse.getHeader(header)),
    onError: (error) => settle[1](error),
  });
  upload.start();
  return { upload, done, progress, answers };
}

/** The status and the envelope with which an upload was refused. */
export async function refusalOf(
  done: Promise<unknown>,
): Promise<{ status: number; answer: Answer; header: (name: string) => string | undefined }> {
  const error: unknown = await done.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof DetailedError)) throw new Error(`not refused: ${String(error)}`);
  const response = error.originalResponse;
  if (response === null || response === undefined) throw error;
  return {
    status: response.getStatus(),
    answer: parseAnswer(response.getBody()),
    header: (name) => response.getHeader(name),
  };
}

export type BreakingWay = {
  readonly url: string;
  /** Bytes that came from clients. */
  readonly sentBytes: number;
  /** After so many more of them every connection is reset, once. */
  breakAfter(bytes: number): void;
  close(): Promise<void>;
};

export async function openBreakingWay(target: number): Promise<BreakingWay> {
  const sockets = new Set<Socket>();
  let sentBytes = 0;
  let passes = Number.POSITIVE_INFINITY;
  const breakAll = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('close', () => upstream.destroy()).on('close', () => sockets.delete(client));
    upstream.on('close', () => client.destroy()).on('close', () => sockets.delete(upstream));
    upstream.on('data', (data) => client.write(data));
    client.on('data', (data) => {
      sentBytes += data.length;
      const passing = data.subarray(0, passes);
      passes -= passing.length;
      if (passes > 0) {
        upstream.write(passing);
        return;
      }
      passes = Number.POSITIVE_INFINITY;
      // What was let through arrives before the end.
      client.pause();
      upstream.write(passing, () => breakAll());
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    get sentBytes() {
      return sentBytes;
    },
    breakAfter: (bytes) => {
      passes = bytes;
    },
    close: async () => {
      breakAll();
      server.close();
      await once(server, 'close');
    },
  };
}
