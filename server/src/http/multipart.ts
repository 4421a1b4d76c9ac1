import { Readable } from 'node:stream';
import type { MultipartFile } from '@fastify/multipart';
import { DomainError } from '@tiktok-server/contract';
import type { FastifyRequest } from 'fastify';
import {
  type BlobStore,
  BlobStoreFullError,
  BlobStoreUnavailableError,
  BlobTooLargeError,
  type StagedBlob,
} from '../ports/index.ts';

/** Bounds of a multipart body beside the size of its files. */
const partLimits = {
  fieldNameSize: 100,
  fieldSize: 64 * 1024,
  fields: 40,
  files: 4,
  parts: 44,
  headerPairs: 50,
  // Sizes are bounded where the bytes are written, with a clear error.
  fileSize: Number.POSITIVE_INFINITY,
} as const;

/**
 * A refused body is read to its end before it is answered, because a client that is still sending would see a reset
 * connection and not the reason: as much as would have been taken, and at least this. What is longer is answered, read on
 * for a moment so that the answer is seen, and cut off.
 */
const drainMinBytes = 64 * 1024 * 1024;
const lingerMs = 5_000;

const isText = /^(?:text\/|application\/json)/i;

export type Multipart = {
  readonly fields: Readonly<Record<string, string>>;
  /** The first file of each expected name; the caller discards them. */
  readonly files: ReadonlyMap<string, StagedBlob>;
  /** Why a file was refused; the fields are there all the same. */
  readonly refusal: DomainError | undefined;
};

/**
 * Reads a multipart body whose parts come in any order. Files are streamed to staged blobs as they arrive, never held in
 * memory; those that nobody expects, or that come after a refusal, are read and dropped.
 */
export async function readMultipart(
  request: FastifyRequest,
  blobs: BlobStore,
  fileLimits: ReadonlyMap<string, number>,
  refuseAtOnce: DomainError | undefined,
): Promise<Multipart> {
  const fields: Record<string, string> = {};
  const files = new Map<string, StagedBlob>();
  let refusal = refuseAtOnce;
  const drain = drainer(
    request,
    [...fileLimits.values()].reduce((sum, bytes) => sum + bytes, drainMinBytes),
  );
  try {
    // By its file name; without one, where a file is expected, by its type. No type makes a file of any other field.
    const isPartAFile = (field: string | undefined, type: string | undefined, file: string | undefined): boolean =>
      file !== undefined || (field !== undefined && fileLimits.has(field) && type !== undefined && !isText.test(type));
    for await (const part of request.parts({ limits: partLimits, isPartAFile })) {
      if (part.type === 'field') {
        if (part.valueTruncated === true) throw tooMuch(`field ${part.fieldname} is larger than 64 KiB`);
        const value = textOf(part.value);
        if (!Object.hasOwn(fields, part.fieldname) && value !== undefined) fields[part.fieldname] = value;
        continue;
      }
      const maxBytes = fileLimits.get(part.fieldname);
      if (refusal === undefined && maxBytes !== undefined && !files.has(part.fieldname)) {
        const staged = await stage(part, blobs, maxBytes);
        if (staged instanceof DomainError) refusal = staged;
        else if (isNoFile(part, staged)) await staged.discard();
        else files.set(part.fieldname, staged);
      }
      await drain(part.file);
    }
  } catch (error) {
    await discardAll(files);
    // Whatever went wrong while a refused body was read over: the first reason is the one that helps.
    throw refusal ?? asDomainError(error);
  }
  if (refusal !== undefined) {
    await discardAll(files);
    files.clear();
  }
  return { fields, files, refusal };
}

export async function discardAll(files: ReadonlyMap<string, StagedBlob>): Promise<void> {
  for (const file of files.values()) await file.discard();
}

/** Of a part that says it is JSON, the parser gives the value. */
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;

/** What a form sends for a file that nobody chose. */
const isNoFile = (part: MultipartFile, staged: StagedBlob): boolean =>
  staged.sizeBytes === 0 && (part.filename === undefined || part.filename === '');

async function stage(part: MultipartFile, blobs: BlobStore, maxBytes: number): Promise<StagedBlob | DomainError> {
  const source = Readable.from(chunksOf(part.file), { objectMode: false });
  try {
    return await blobs.stage(source, { maxBytes });
  } catch (error) {
    if (error instanceof BlobTooLargeError) return fileTooLarge(part.fieldname, maxBytes);
    if (error instanceof BlobStoreFullError) return new DomainError('ErrStorageFull', { cause: error });
    if (error instanceof BlobStoreUnavailableError) return new DomainError('ErrObjectStoreUpload', { cause: error });
    throw error;
  }
}

/**
 * Leaves the stream as it is when its reader gives up: the parser needs the rest of the part to be read to find the next
 * one. The loop is what does it, since an iterator that is told of an error destroys its stream whatever it was asked.
 */
async function* chunksOf(stream: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) yield chunk;
}

export function fileTooLarge(part: string, maxBytes: number): DomainError {
  const kibibytes = Math.floor(maxBytes / 1024);
  const most = kibibytes < 1024 ? `${kibibytes} KiB` : `${Math.floor(kibibytes / 1024)} MiB`;
  return new DomainError('ErrFileTooLarge', {
    detail: { en: `${part} must be at most ${most}`, zh: `${part} 不能超过 ${most}` },
  });
}

function drainer(request: FastifyRequest, maxBytes: number): (stream: Readable) => Promise<void> {
  let drained = 0;
  return async (stream) => {
    for await (const chunk of stream) {
      drained += chunk.length;
      if (drained > maxBytes) {
        linger(request.raw);
        throw tooMuch('the body is far larger than what is accepted');
      }
    }
  };
}

/** Reads on without looking, for a moment: closed at once, the connection would be reset, and the answer lost with it. */
function linger(raw: FastifyRequest['raw']): void {
  raw.unpipe();
  raw.resume();
  setTimeout(() => {
    if (!raw.complete) raw.destroy();
  }, lingerMs).unref();
}

const tooMuch = (en: string): DomainError => new DomainError('ErrBind', { detail: { en, zh: '请求体超出允许的大小' } });

/** The parser's own complaints are about the body: they name no path and hold no secret. */
function asDomainError(error: unknown): unknown {
  if (error instanceof DomainError || !(error instanceof Error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET') {
    return new DomainError('ErrUploadIncomplete', { cause: error });
  }
  if (code === 'FST_INVALID_JSON_FIELD_ERROR') {
    return new DomainError('ErrBind', {
      detail: {
        en: 'a multipart field whose type is application/json is not valid JSON',
        zh: '类型为 application/json 的 multipart 字段不是有效的 JSON',
      },
      cause: error,
    });
  }
  if (code.startsWith('FST_') || code === '') {
    return new DomainError('ErrBind', {
      detail: { en: 'the multipart body is malformed or has too many parts', zh: 'multipart 请求体格式错误或部分过多' },
      cause: error,
    });
  }
  return error;
}
