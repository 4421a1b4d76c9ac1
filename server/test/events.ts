/** Server-sent events as a client reads them, by hand: so that every line of them is seen. */
import { type Answer, parseAnswer } from './server.ts';

export type ServerEvent = {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Answer;
};

/** Events and comments of a whole stream, or of as much as has come. */
export function readEvents(text: string): { events: ServerEvent[]; comments: string[]; retryMs: number | undefined } {
  const events: ServerEvent[] = [];
  const comments: string[] = [];
  let retryMs: number | undefined;
  for (const block of text.split('\n\n').slice(0, -1)) {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      if (colon === 0) comments.push(line.slice(1).trim());
      else fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart());
    }
    const [retry, data] = [fields.get('retry'), fields.get('data')];
    if (retry !== undefined) retryMs = Number(retry);
    if (data !== undefined) {
      events.push({ event: fields.get('event') ?? 'message', id: fields.get('id'), data: parseAnswer(data) });
    }
  }
  return { events, comments, retryMs };
}

export type EventReader = {
  readonly status: number;
  readonly headers: Headers;
  /** Everything that has come. */
  text(): string;
  /** The next event; undefined when the stream has ended. */
  next(): Promise<ServerEvent | undefined>;
  /** Resolves when the server has ended the stream, with all that came. */
  ended(): Promise<string>;
  /** Hangs up. */
  close(): void;
};

export async function openEvents(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventReader> {
  const leaving = new AbortController();
  const response = await fetch(url, { headers, signal: leaving.signal });
  let text = '';
  let taken = 0;
  let over = false;
  let changed = Promise.withResolvers<void>();
  const decoder = new TextDecoder();
  const read = async (): Promise<void> => {
    try {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk, { stream: true });
        changed.resolve();
      }
    } catch (error) {
      if (!leaving.signal.aborted) throw error;
    } finally {
      over = true;
      changed.resolve();
    }
  };
  const reading = read();
  return {
    status: response.status,
    headers: response.headers,
    text: () => text,
    next: async () => {
      for (;;) {
        const event = readEvents(text).events[taken];
        if (event !== undefined) {
          taken += 1;
          return event;
        }
        if (over) return undefined;
        await changed.promise;
        changed = Promise.withResolvers();
      }
    },
    ended: async () => {
      await reading;
      return text;
    },
    close: () => leaving.abort(),
  };
}
