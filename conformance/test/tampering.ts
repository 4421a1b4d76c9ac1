/** Ways to do something wrong, of which faults are made. */
import { isRow, type Row } from '../client.ts';
import { type Answer, answerOf, type Fault, type Request, rowOf } from './faulty-proxy.ts';

/** A kind of server that does something wrong, and who has to notice. */
export type FaultCase = {
  readonly name: string;
  /** What the reports of the failing checks say somewhere. */
  readonly says: string | RegExp;
  readonly checks: readonly string[];
  readonly make: (validTokens: readonly string[]) => Fault;
};

export const refusal = (words = 'no'): Answer => answerOf({ status_code: 1, status_msg: words });
export const success = (): Answer => answerOf({ status_code: 0, status_msg: '' });

/** Changes JSON answers, all of them or those of some paths, or puts others in their place. */
export const json = (
  change: (body: Row, request: Request) => Answer | undefined,
  ...paths: readonly string[]
): Required<Pick<Fault, 'answer'>> => ({
  answer: (answer, request) => {
    const body = rowOf(answer);
    if (body === undefined || (paths.length > 0 && !paths.includes(request.path))) return answer;
    return change(body, request) ?? { ...answer, body: Buffer.from(JSON.stringify(body)) };
  },
});

/** Changes every object inside the answers. */
export const eachObject = (change: (row: Row) => void, ...paths: readonly string[]): ReturnType<typeof json> =>
  json(
    (body) => {
      eachRow(body, change);
      return undefined;
    },
    ...paths,
  );

function eachRow(value: unknown, change: (row: Row) => void): void {
  if (Array.isArray(value)) for (const one of value) eachRow(one, change);
  if (!isRow(value)) return;
  for (const inner of Object.values(value)) eachRow(inner, change);
  change(value);
}

/** Changes requests before the server sees them, or answers them itself. */
export const asks = (change: (request: Request) => Answer | undefined): Fault => ({ request: change });

/** Answers requests for files by itself, with what is behind the address: here, or where the server says that it is. */
export const files = (change: (request: Request, whole: () => Promise<Answer>) => Promise<Answer>): Fault => ({
  request: (request, send) => {
    if (!request.path.startsWith('/media/')) return undefined;
    return change(request, async () => {
      const answer = await send();
      const { location } = answer.headers;
      if (location === undefined) return answer;
      const file = await fetch(location);
      const type = file.headers.get('content-type') ?? '';
      return { status: file.status, headers: { 'content-type': type }, body: Buffer.from(await file.arrayBuffer()) };
    });
  },
});

export const rowsOf = (body: Row, name: string): Row[] => {
  const list = body[name];
  return Array.isArray(list) ? list.filter(isRow) : [];
};
