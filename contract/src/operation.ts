import type { Static, TObject } from 'typebox';
import type { ErrorName } from './errors.ts';
import type { ParameterTable, ParameterValues } from './parameters.ts';
import type { Text } from './text.ts';

/** A file part of a multipart body. */
export type FilePart = { readonly required: boolean; readonly doc: Text };

/**
 * Who may call: `none` ignores the token, `optional` reads a missing or bad one as a guest, `required` refuses it.
 */
export type Access = 'none' | 'optional' | 'required';

export type Operation<
  P extends ParameterTable = ParameterTable,
  A extends TObject = TObject,
  F extends Readonly<Record<string, FilePart>> = Readonly<Record<string, FilePart>>,
  X extends Access = Access,
  S extends boolean = boolean,
> = {
  readonly method: 'GET' | 'POST';
  /** Canonical path with its trailing slash; the spelling without is served as well. */
  readonly path: string;
  readonly access: X;
  /** The section of the API page. */
  readonly group: string;
  /** Whether the public course API has it, or it is an addition of ours. */
  readonly origin: 'course' | 'ours';
  readonly summary: Text;
  readonly description?: Text;
  readonly parameters: P;
  readonly files: F;
  /** What a successful answer adds to the envelope. */
  readonly answer: A;
  /** Answers with server-sent events, each a whole answer; what is refused is refused with the ordinary envelope. */
  readonly streams: S;
  /** Rows of the error table that this operation itself can give, beside those that every operation can. */
  readonly errors: readonly ErrorName[];
};

export type InputOf<O> = O extends Operation<infer P, TObject> ? ParameterValues<P> : never;
export type AnswerOf<O> = O extends { readonly answer: infer A extends TObject } ? Static<A> : never;
export type FilesOf<O> = O extends { readonly files: infer F } ? keyof F & string : never;

/** What a failing answer carries beside the envelope: the operation's fields in their empty form. */
export function emptyAnswer(answer: TObject): Record<string, unknown> {
  const empty: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(answer.properties)) {
    const type = 'type' in schema ? schema.type : undefined;
    if (type === 'array') empty[name] = [];
    else if (type === 'integer' || type === 'number') empty[name] = 0;
    else if (type === 'string') empty[name] = '';
    else if (type === 'boolean') empty[name] = false;
    else empty[name] = null;
  }
  return empty;
}
