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

export type Handler<N extends OperationName> = (call: Call<N>) => Promise<AnswerOf<Operations[N]> | ReadyAnswer>;

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
