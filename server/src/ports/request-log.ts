/**
 * What is written of each request. No query string, no body, no header: tokens and passwords live there.
 */
export type RequestLine = {
  /** What the caller got in `x-request-id`. */
  readonly requestId: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Name of the operation, where the address is one's. */
  readonly operation: string | undefined;
  /** What it counts as: the operation, else `media`, `page` or, where no address was found, `other`. */
  readonly group: string;
  /** HTTP status. */
  readonly status: number;
  /** `status_code` of the envelope, where the answer has one. */
  readonly code: number | undefined;
  readonly durationMs: number;
  readonly userId: number | undefined;
  /** Network address of the caller. */
  readonly address: string;
};

/** Takes one line per request, thousands a second. */
export interface RequestLog {
  write(line: RequestLine): void;
}
