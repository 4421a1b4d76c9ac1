import { AsyncLocalStorage } from 'node:async_hooks';
import type { Context, Span } from '@opentelemetry/api';
import type { Metrics, SpanAttributes, Tracer } from '../ports/index.ts';
import { createSpanQueue } from './span-queue.ts';

export type OtlpTracer = Tracer & {
  /** Sends what is there, within a bound. */
  close(): Promise<void>;
};

export type OtlpOptions = {
  /** Base address, such as `http://localhost:4318`. */
  readonly endpoint: string;
  readonly version: string;
  readonly role: string;
  readonly log: { readonly warn: (fields: object, message: string) => void };
  readonly metrics: Pick<Metrics, 'spansLost'>;
};

/** A collector that has not taken a batch by then is not waited for; the batch is lost. */
const exportTimeoutMs = 5_000;
/** For the spans that are left when the process stops. */
const closeTimeoutMs = 2_000;
const complainEveryMs = 60_000;
const textMaxCharacters = 2_000;

/**
 * Traces to an OpenTelemetry collector, as OTLP over HTTP. Its packages are loaded here and nowhere else. Nothing waits for the
 * collector: what it does not take is dropped and counted, and said once a minute.
 */
export async function createOtlpTracer(options: OtlpOptions): Promise<OtlpTracer> {
  const api = await import('@opentelemetry/api');
  const { TracerProvider } = await import('@opentelemetry/sdk-trace');
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`;
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: exportTimeoutMs });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'tiktok-server',
      'service.version': options.version,
      'service.instance.id': `${process.pid}`,
      'tiktok.role': options.role,
    }),
    spanLimits: { attributeValueLengthLimit: textMaxCharacters },
    spanProcessors: [createSpanQueue(exporter, complaints(options))],
  });
  const tracer = provider.getTracer('tiktok-server', options.version);
  const current = new AsyncLocalStorage<Context | undefined>();

  async function within<T>(
    parent: Context,
    name: string,
    attributes: SpanAttributes,
    work: () => Promise<T>,
  ): Promise<T> {
    const span = tracer.startSpan(name, { attributes }, parent);
    try {
      return await current.run(api.trace.setSpan(parent, span), work);
    } catch (error) {
      fail(span, error instanceof Error ? error.name : 'error');
      throw error;
    } finally {
      span.end();
    }
  }
  const fail = (span: Span, why?: string): void => {
    span.setStatus({ code: api.SpanStatusCode.ERROR, ...(why !== undefined && { message: why }) });
  };
  return {
    request: (name, traceparent) => {
      const remote = parseTraceparent(traceparent);
      const parent =
        remote === undefined
          ? api.ROOT_CONTEXT
          : api.trace.setSpanContext(api.ROOT_CONTEXT, { ...remote, isRemote: true });
      const span = tracer.startSpan(name, { kind: api.SpanKind.SERVER }, parent);
      const context = api.trace.setSpan(parent, span);
      return {
        run: (work) => current.run(context, work),
        end: (attributes, failed) => {
          span.setAttributes(attributes);
          if (failed) fail(span);
          span.end();
        },
      };
    },
    span: (name, attributes, work) => {
      const open = current.getStore();
      return open === undefined ? work() : within(open, name, attributes, work);
    },
    ended: (name, durationMs, attributes, failed) => {
      const open = current.getStore();
      if (open === undefined) return;
      const span = tracer.startSpan(name, { attributes, startTime: Date.now() - durationMs }, open);
      if (failed) fail(span);
      span.end();
    },
    background: (name, attributes, work) => within(api.ROOT_CONTEXT, name, attributes, work),
    outside: (work) => current.run(undefined, work),
    close: async () => {
      let late: NodeJS.Timeout | undefined;
      const timeout = new Promise<void>((resolve) => {
        late = setTimeout(resolve, closeTimeoutMs);
      });
      await Promise.race([provider.shutdown().catch(() => undefined), timeout]);
      clearTimeout(late);
    },
  };
}

/** Counts what was lost, and says so once a minute. */
function complaints({ endpoint, log, metrics }: OtlpOptions): (spans: number, why: unknown) => void {
  let complainedAt = Number.NEGATIVE_INFINITY;
  let lost = 0;
  return (spans, why) => {
    metrics.spansLost(spans);
    lost += spans;
    const now = performance.now();
    if (now - complainedAt < complainEveryMs) return;
    complainedAt = now;
    log.warn({ err: why, endpoint, lost }, 'OTEL_EXPORTER_OTLP_ENDPOINT: the collector takes no spans: they are lost');
    lost = 0;
  };
}

const traceparentShape = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;
/** More cannot be one. */
const traceparentMaxCharacters = 256;

/** What a `traceparent` names; undefined if it is none, or there is none. */
export function parseTraceparent(
  text: string | undefined,
): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number } | undefined {
  if (text === undefined || text.length > traceparentMaxCharacters) return undefined;
  const [, traceId, spanId, flags] = traceparentShape.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  // Version 00 ends there; a later one may go on.
  if (text.startsWith('00') && text.length !== '00-'.length + traceId.length + 1 + spanId.length + 1 + flags.length)
    return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1 };
}
