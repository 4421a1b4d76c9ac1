import type { AnswerOf, FilesOf, InputOf, OperationName, Operations } from '@tiktok-server/contract';
import type { StagedBlob } from '../ports/index.ts';
import type { Viewer } from '../read/index.ts';

/**
 * The rooms below: account · video · feed · comment · like · follow · message. Each has its routes (contract operations
 * with their handlers), its service and its jobs. Features do not import each other: they meet in `read/` and through
 * outbox jobs. This file says what a handler is.
 */
export type Caller = Viewer & {
  /** Network address, for limits. */
  readonly address: string;
};

export type Call<N extends OperationName> = {
  readonly input: InputOf<Operations[N]>;
  readonly caller: Operations[N]['access'] extends 'required' ? Caller & { readonly userId: number } : Caller;
  /** Parts that came as files, staged; whatever is not promoted is discarded when the handler is done. */
  readonly files: { readonly [F in FilesOf<Operations[N]>]: StagedBlob | undefined };
};

/** An answer whose bytes are ready to be sent, envelope included. */
export class ReadyAnswer {
  readonly body: Buffer;

  constructor(body: Buffer) {
    this.body = body;
  }
}

/** An answer that goes on: each is a whole one. What is refused is refused before there is one of these. */
export class StreamAnswer<A extends object> {
  readonly first: A;
  /** Whether nothing comes behind this one. */
  readonly isLast: (answer: A) => boolean;
  /** What comes behind the first one, until `signal` ends it, which it always does. A rejection is the last to be told. */
  readonly rest: (signal: AbortSignal) => AsyncIterable<A>;

  constructor(first: A, isLast: (answer: A) => boolean, rest: (signal: AbortSignal) => AsyncIterable<A>) {
    this.first = first;
    this.isLast = isLast;
    this.rest = rest;
  }
}

export type Handler<N extends OperationName> = (
  call: Call<N>,
) => Promise<
  Operations[N]['streams'] extends true ? StreamAnswer<AnswerOf<Operations[N]>> : AnswerOf<Operations[N]> | ReadyAnswer
>;

/**
 * Answers a guest at once from what lies ready in memory, or with nothing: then the handler is asked, whose answer would be
 * the same.
 */
export type ReadyHandler<N extends OperationName> = (
  input: InputOf<Operations[N]>,
  baseUrl: string,
) => ReadyAnswer | undefined;

/** One handler per operation: a missing one does not compile. */
export type Handlers = { readonly [N in OperationName]: Handler<N> };
