import {
  DomainError,
  type ErrorDetail,
  type ErrorName,
  emptyAnswer,
  errors,
  type Language,
  type Operation,
} from '@tiktok-server/contract';

/** An error that is sent with a status of its own, where the protocol of a path gives statuses a meaning. */
export class StatusError extends DomainError {
  readonly status: number;

  constructor(status: number, row: ErrorName, more: ErrorDetail = {}) {
    super(row, more);
    this.status = status;
  }
}

/** The envelope of section 1 of the contract: what each outcome looks like on the wire. */
export type Failure = {
  readonly status: number;
  readonly code: number;
  readonly body: string;
  readonly retryAfterSeconds: number | undefined;
  /** Whether the cause belongs in the log as an error: it is our fault, not the caller's, and not the purpose of a bound. */
  readonly ours: boolean;
};

/** Headers of every answer of the API: what it says may be outdated by the next write. */
export const answerHeaders = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
} as const;

/** On every answer, whatever it is. */
export const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
} as const;

export const requestIdHeader = 'x-request-id';

/** `Retry-After` of rows that are sent with 429 or 503 when nothing better is known. */
const defaultRetryAfterSeconds = 1;

export const successBody = (answer: object): string => JSON.stringify({ status_code: 0, status_msg: '', ...answer });

/** The language that a caller reads: the first one of Accept-Language that is ours, else English. */
export function languageOf(acceptLanguage: string | undefined): Language {
  if (acceptLanguage === undefined || acceptLanguage === '') return 'en';
  for (const entry of acceptLanguage.split(',', 8)) {
    const tag = entry.trim().toLowerCase();
    if (tag.startsWith('zh')) return 'zh';
    if (tag.startsWith('en')) return 'en';
  }
  return 'en';
}

/** Turns what was thrown into an answer. Whatever is not a {@link DomainError} is a bug: its words go to the log only. */
export function failureOf(error: unknown, operation: Operation | undefined, language: Language): Failure {
  const known = error instanceof DomainError ? error : undefined;
  const name: ErrorName = known?.row ?? 'ErrUnknown';
  const row = errors[name];
  const message =
    known?.detail === undefined ? row.message[language] : `${row.message[language]}: ${known.detail[language]}`;
  const answer = operation === undefined ? {} : emptyAnswer(operation.answer);
  return {
    status: error instanceof StatusError ? error.status : row.sent ? row.status : 200,
    code: row.code,
    body: JSON.stringify({ status_code: row.code, status_msg: message, ...answer }),
    retryAfterSeconds:
      row.sent && (row.status === 429 || row.status === 503)
        ? (known?.retryAfterSeconds ?? defaultRetryAfterSeconds)
        : undefined,
    ours: row.status >= 500 && name !== 'ErrOverloaded',
  };
}
