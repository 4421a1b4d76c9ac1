/** The protocol: @tus/server over our own uploads. It answers with what it means; what is sent is decided by the routes. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { DataStore, type Lock, Server, Upload } from '@tus/server';
import type { UploadService } from '../features/upload/upload.service.ts';
import type { Release } from '../features/upload/upload-locks.ts';
import type { UploadMetadata } from '../features/upload/upload-metadata.ts';
import type { UploadPublisher } from '../features/upload/upload-publisher.ts';
import type { IncomingBody } from './incoming-body.ts';

export const uploadsPath = '/uploads';

/**
 * How long a request that has to make way may go on with what it is doing: its client is most likely gone, and the same one
 * is waiting to go on.
 */
const drainMs = 1_000;

/** A request and what became of it. */
export type TusCall = {
  readonly body: IncomingBody;
  readonly userId: number;
  /** Of the address that a new upload gets: the token, where no header brings it. */
  readonly query: string;
  /** Set when an upload was begun. */
  created?: string;
  /** Set when a video was made of it. */
  videoId?: number;
  /** Set when it was refused; what the protocol's own code refuses is an object of a status and words. */
  refusal?: unknown;
};

/** `method`, address and headers of a request; what the method does with the body, it takes from the call. */
export type TusRequest = { readonly method: string; readonly url: URL; readonly headers: Headers };
export type TusServer = (request: TusRequest, call: TusCall) => Promise<Response>;

export function createTusServer(deps: {
  readonly uploads: UploadService;
  readonly publisher: UploadPublisher;
  readonly maxBytes: number;
}): TusServer {
  const { uploads, publisher } = deps;
  const calls = new AsyncLocalStorage<Current>();
  const current = (): Current => {
    const found = calls.getStore();
    if (found === undefined) throw new TypeError('a request that nobody made');
    return found;
  };
  const server = new Server({
    path: uploadsPath,
    datastore: new Rows(uploads, current),
    locker: { newLock: (id) => lockOf(uploads, id) },
    lockDrainTimeout: drainMs,
    // Its words would not be ours; the service checks it. Here it is only announced.
    maxSize: (request) => (request.method === 'OPTIONS' ? deps.maxBytes : 0),
    namingFunction: async (request, metadata: UploadMetadata = {}) => {
      const call = current().call;
      const { id } = await uploads.create(call.userId, Number(request.headers.get('upload-length')), metadata);
      call.created = id;
      return id;
    },
    // The address may have a query.
    getFileIdFromRequest: (request) => /\/([0-9a-f]{32})\/?$/.exec(new URL(request.url).pathname)?.[1],
    // Without a host: it goes through any proxy, and stays where the client is.
    generateUrl: (_request, { path, id }) => `${path}/${id}${current().call.query}`,
    onIncomingRequest: async (_request, id) => {
      const { userId, created } = current().call;
      if (id !== created) await uploads.find(userId, id);
    },
    onUploadFinish: async (_request, { id }) => {
      current().call.videoId = await publisher.publish(id);
      return {};
    },
    onResponseError: (_request, error) => {
      current().call.refusal = error;
      return undefined;
    },
  });
  return async ({ method, url, headers }, call) => {
    const standIn = createStandIn();
    const hasBody = method === 'PATCH' || method === 'POST';
    const request = new Request(url, { method, headers, ...(hasBody && { body: standIn.stream, duplex: 'half' }) });
    return await calls.run({ call, standIn }, () => server.handleWeb(request));
  };
}

type Current = { readonly call: TusCall; readonly standIn: StandIn };

/**
 * What the protocol's code is given for a body: nothing comes of it until it ends. Through its chain of streams each byte would
 * pass five more buffers, so the bytes go past it; what comes of the chain is the end alone, ours or the one that it makes when
 * another request wants the upload.
 */
type StandIn = { readonly stream: ReadableStream<Uint8Array>; end(): void };

function createStandIn(): StandIn {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    await ended;
    controller.close();
  };
  return { stream: new ReadableStream({ pull }, { highWaterMark: 0 }), end };
}

/** What the protocol's code keeps its uploads in. Expiry is ours: it would go by the time of creation, and its own clock. */
class Rows extends DataStore {
  readonly #uploads: UploadService;
  readonly #current: () => Current;
  override extensions = ['creation', 'creation-with-upload', 'expiration', 'termination'];

  constructor(uploads: UploadService, current: () => Current) {
    super();
    this.#uploads = uploads;
    this.#current = current;
  }

  override async getUpload(id: string): Promise<Upload> {
    const row = await this.#uploads.row(id);
    const offset = await this.#uploads.offset(row);
    return new Upload({ id, size: row.size_bytes, offset, metadata: readMetadata(row.metadata) });
  }

  override async write(source: Readable, id: string, offset: number): Promise<number> {
    const { call, standIn } = this.#current();
    const stop = new AbortController();
    const ended = once(source, 'end').finally(() => stop.abort());
    ended.catch(() => undefined);
    source.resume();
    try {
      return await this.#uploads.append(id, offset, call.body.chunks(stop.signal));
    } finally {
      standIn.end();
      await ended.catch(() => undefined);
    }
  }

  override async remove(id: string): Promise<void> {
    await this.#uploads.remove(id);
  }
}

function lockOf(uploads: UploadService, id: string): Lock {
  let release: Release | undefined;
  return {
    lock: async (signal, cancelReq) => {
      release = await uploads.lock(id, { signal, makeWay: () => void cancelReq() });
    },
    unlock: async () => {
      await release?.();
      release = undefined;
    },
  };
}

function readMetadata(json: string): Record<string, string | null> {
  const value: unknown = JSON.parse(json);
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, text === null ? null : String(text)]));
}
