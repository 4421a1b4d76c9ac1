import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';

/** Spans that wait to be sent; beyond it they are lost. */
const queueMaxSpans = 4_096;
const batchMaxSpans = 512;
const sendEveryMs = 1_000;
/** `SAMPLED` of the W3C's trace flags. */
const sampled = 1;
/** `ExportResultCode.SUCCESS`, of a package that is not ours to depend on. */
const succeeded = 0;
const noRoom = new Error(`more than ${queueMaxSpans} spans wait to be sent`);

/**
 * Ended spans on their way to the exporter: in batches, one at a time, as many as the bound. The SDK's own processor does the
 * same, but sends many batches at once at the end, and says nobody how many spans it dropped.
 */
export function createSpanQueue(exporter: SpanExporter, lost: (spans: number, why: unknown) => void): SpanProcessor {
  const waiting: ReadableSpan[] = [];
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let closed = false;

  async function sendOne(batch: ReadableSpan[]): Promise<void> {
    await new Promise<void>((resolve) => {
      exporter.export(batch, (result) => {
        if (result.code !== succeeded) lost(batch.length, result.error);
        resolve();
      });
    });
  }

  async function sendAll(): Promise<void> {
    for (let batch = take(); batch.length > 0; batch = take()) await sendOne(batch);
  }
  const take = (): ReadableSpan[] => waiting.splice(0, batchMaxSpans);

  function send(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    sending ??= sendAll().finally(() => {
      sending = undefined;
      if (waiting.length > 0) sendSoon();
    });
    return sending;
  }

  function sendSoon(): void {
    timer ??= setTimeout(() => void send(), sendEveryMs).unref();
  }

  return {
    onStart: () => undefined,
    onEnd: (span) => {
      if (closed || (span.spanContext().traceFlags & sampled) === 0) return;
      if (waiting.length >= queueMaxSpans) {
        lost(1, noRoom);
        return;
      }
      waiting.push(span);
      if (waiting.length >= batchMaxSpans) void send();
      else if (sending === undefined) sendSoon();
    },
    forceFlush: send,
    shutdown: async () => {
      closed = true;
      await send();
      await exporter.shutdown();
    },
  };
}
