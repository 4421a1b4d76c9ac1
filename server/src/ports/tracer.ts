/**
 * Spans: what was done, within what, and for how long. There is one only while a collector of traces is set; everything that
 * takes a tracer takes none as well. Nothing in a span may hold a secret, a user's id or what a user wrote.
 */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Tracer {
  /**
   * Begins the span of a request. It continues the trace that `traceparent` names, if that is one (W3C Trace Context,
   * https://www.w3.org/TR/trace-context/), and begins one of its own otherwise.
   */
  request(name: string, traceparent: string | undefined): RequestSpan;
  /**
   * Runs `work` in a span within the one that is open around the call; a rejection marks it as failed and is passed on. Where none
   * is open, nothing is recorded: what runs by itself every few seconds would bury the rest.
   */
  span<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T>;
  /** A span that ends now and took this long, under the same condition. */
  ended(name: string, durationMs: number, attributes: SpanAttributes, failed: boolean): void;
  /** Runs `work` in a trace of its own: for work behind the answer, whoever woke it. */
  background<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T>;
  /** Runs `work` in no span, whoever woke it. */
  outside<T>(work: () => Promise<T>): Promise<T>;
}

export interface RequestSpan {
  /** Calls `work` so that what it begins lies within this span. */
  run(work: () => void): void;
  end(attributes: SpanAttributes, failed: boolean): void;
}
