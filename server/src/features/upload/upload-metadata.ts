import { DomainError, operations } from '@tiktok-server/contract';

/** What a client says about a file before it sends it: values of `Upload-Metadata`, decoded. */
export type UploadMetadata = Readonly<Record<string, string | null>>;

export type Declared = {
  readonly title: string;
  /** Hex SHA-256 of the content; undefined where nothing is said. */
  readonly sha256: string | undefined;
  /** The caller wants it though the same content is published already. */
  readonly again: boolean;
};

const hexShape = /^[0-9a-f]{64}$/i;
/** 32 bytes. */
const base64Shape = /^[A-Za-z0-9+/_-]{43}=?$/;

/** Checks what counts of it; `filename` and `filetype` do not: a file is judged by its content. */
export function readDeclared(metadata: UploadMetadata): Declared {
  const title = operations.publish.parameters.title.parse(metadata['title'] ?? undefined);
  if (!title.ok) {
    throw new DomainError(title.error, { detail: { en: `title ${title.rule.en}`, zh: `title ${title.rule.zh}` } });
  }
  return { title: title.value ?? '', sha256: readHash(metadata['sha256']), again: metadata['again'] === '1' };
}

function readHash(value: string | null | undefined): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (hexShape.test(value)) return value.toLowerCase();
  if (base64Shape.test(value)) return Buffer.from(value, 'base64').toString('hex');
  throw new DomainError('ErrValidation', {
    detail: {
      en: 'sha256 must be the SHA-256 of the file, as 64 hex digits or as base64',
      zh: 'sha256 必须是文件的 SHA-256（64 位十六进制或 base64）',
    },
  });
}

/** For keeping: a token is for the request that brought it, and nobody's to read later. */
export function withoutToken(metadata: UploadMetadata): UploadMetadata {
  const { token: _token, ...rest } = metadata;
  return rest;
}
