/** Requests as no client would send them, for property tests: every operation, every source, every kind of value. */
import { type Operation, type OperationName, operations } from '@tiktok-server/contract';
import * as fc from 'fast-check';

export type Source = 'none' | 'form' | 'json' | 'multipart';
export type TokenKind = 'none' | 'valid' | 'forged' | 'expired' | 'closed' | 'junk';
export type TokenPlace = 'query' | 'body' | 'header';

export type HostileRequest = {
  /** Values of each name in the query; the first one counts. */
  readonly query: Readonly<Record<string, readonly string[]>>;
  readonly source: Source;
  /** Values in the body; only in JSON may they be other than text. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly token: TokenKind;
  readonly tokenPlace: TokenPlace;
  readonly file: 'none' | 'text' | 'picture';
};

/** Ids of objects that are there, so that requests get as far as they can. */
export type RealIds = {
  readonly users: readonly number[];
  readonly videos: readonly number[];
  readonly comments: readonly number[];
};

const numbers = fc.oneof(
  fc.constantFrom(
    ...['0', '-0', '-1', '1', '2', '3', '+1', '01', '1.0', '1.5', '1e3', '10e-1', '1e400', '1e-400', 'NaN', 'Infinity'],
    ...['0x10', '1_000', ' 1', '1 ', '1\n', '１', '٣', '9007199254740991', '9007199254740993', '1.00000000000000001'],
    ...['4.503599627370497e+15', '99999999999999999999999999', '1e11', '1e15', '2E0', '1e', 'e1', '.5', '5.'],
  ),
  fc.maxSafeInteger().map(String),
  fc.double().map(String),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
);
const prototypeNames = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf'] as const;
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom(
    ...['', ' ', '\u0000', '\t\n', '\u007f', '\u0085', '\u202e', '\u2028', '\ufeff', '\ufffd', '\ud800', 'a\udfffb'],
    ...["' OR 1=1 --", '"; DROP TABLE users; --', '../../etc/passwd', '<script>alert(1)</script>', '%00', '%zz', '%'],
    ...['\r\nset-cookie: a=b', '{"$gt":""}', '[]', 'null', 'undefined', 'true', '+', '&a=b', ';', '=', '\\', '%s%n'],
    ...prototypeNames,
  ),
  fc
    .tuple(fc.constantFrom('x', '字', '🐻', 'e\u0301', '\u0000'), fc.constantFrom(31, 33, 201, 256, 501, 1001, 3_000))
    .map(([character, times]) => character.repeat(times)),
);
const hostile = fc.oneof(numbers, texts);

/** A value that the parameter takes, or that looks very much like one. */
function plausible(name: string, parameter: Operation['parameters'][string], ids: RealIds): fc.Arbitrary<string> {
  const { schema, example } = parameter;
  if ('enum' in schema && Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum.map(String));
  if (name === 'latest_time' || name === 'pre_msg_time') {
    return fc.integer({ min: -5_000, max: 5_000 }).map((offset) => String(Date.now() + offset));
  }
  if (schema.type === 'integer') {
    const pool = name === 'video_id' ? ids.videos : name === 'comment_id' ? ids.comments : ids.users;
    return fc
      .tuple(fc.constantFrom(...pool), fc.boolean())
      .map(([id, exponent]) => (exponent ? id.toExponential() : String(id)));
  }
  return fc.oneof(fc.constant(example), fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 }));
}

/** Requests to one operation; about half of them have every parameter right. */
export function hostileRequests(name: OperationName, ids: RealIds): fc.Arbitrary<HostileRequest> {
  const operation: Operation = operations[name];
  const values = Object.entries(operation.parameters).map(
    ([parameter, definition]) =>
      [
        parameter,
        fc.oneof({ weight: 5, arbitrary: plausible(parameter, definition, ids) }, { weight: 2, arbitrary: hostile }),
      ] as const,
  );
  const json = fc.oneof(
    { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
    { weight: 1, arbitrary: fc.array(hostile, { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constantFrom(null, true, 1e21, -0.5, 2 ** 53, [[1]], { a: {} }) },
  );
  const valuesIn = (more: (value: fc.Arbitrary<string>) => fc.Arbitrary<unknown>) =>
    fc.record(Object.fromEntries(values.map(([parameter, value]) => [parameter, more(value)])), { requiredKeys: [] });
  const junk = fc.dictionary(fc.oneof(texts.filter(isHeaderSafe), fc.constantFrom(...prototypeNames)), texts, {
    maxKeys: 2,
    noNullPrototype: true,
  });
  const withJunk = (given: fc.Arbitrary<Record<string, unknown>>) =>
    fc.tuple(given, fc.option(junk, { nil: {}, freq: 4 })).map(([one, other]) => ({ ...other, ...one }));
  const query = fc
    .tuple(
      valuesIn((value) => fc.array(value, { minLength: 1, maxLength: 2 })),
      fc.option(junk, { nil: {}, freq: 4 }),
    )
    .map(([one, other]) => {
      const lists: Record<string, string[]> = {};
      for (const [key, value] of Object.entries({ ...other, ...one })) {
        lists[key] = (Array.isArray(value) ? value : [value]).map(String);
      }
      return lists;
    });
  const body = fc.oneof(
    fc.record({ source: fc.constant<Source>('none'), body: fc.constant({}) }),
    fc.record({
      source: fc.constantFrom<Source>('form', 'multipart'),
      body: withJunk(valuesIn((value) => value)),
    }),
    fc.record({
      source: fc.constant<Source>('json'),
      body: withJunk(valuesIn((value) => fc.oneof({ weight: 4, arbitrary: value }, { weight: 1, arbitrary: json }))),
    }),
  );
  return fc
    .record({
      query,
      body,
      token: fc.oneof(
        { weight: 4, arbitrary: fc.constant<TokenKind>('valid') },
        { weight: 1, arbitrary: fc.constantFrom<TokenKind>('none', 'forged', 'expired', 'closed', 'junk') },
      ),
      tokenPlace: fc.constantFrom<TokenPlace>('query', 'body', 'header'),
      file: fc.constantFrom<HostileRequest['file']>('none', 'text', 'picture'),
    })
    .map(({ body: { source, body }, ...rest }) => ({ ...rest, source, body }));
}

/** Whether a text can be the name of a multipart field as it is. */
function isHeaderSafe(name: string): boolean {
  return /^[\x20-\x7e]{1,60}$/.test(name) && !/["\\%]/.test(name) && name !== 'token';
}

/** Bytes of a body that is broken in all sorts of ways, with a type that may not be its own. */
export const brokenBodies = (sound: Buffer): fc.Arbitrary<{ readonly type: string; readonly bytes: Buffer }> =>
  fc.record({
    type: fc.oneof(
      { weight: 3, arbitrary: fc.constant('multipart/form-data; boundary=b') },
      { weight: 2, arbitrary: fc.constantFrom('application/json', 'application/x-www-form-urlencoded') },
      {
        weight: 2,
        arbitrary: fc.constantFrom(
          ...['multipart/form-data', 'multipart/form-data; boundary=', 'multipart/form-data; boundary="', ';;', 'a/b'],
          ...[`multipart/form-data; boundary=${'b'.repeat(500)}`, 'application/json; charset=utf-16', 'multipart/x'],
          ...['application/x-www-form-urlencoded; charset', 'text/plain', 'application/', '/', 'a', 'application/*'],
        ),
      },
    ),
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ unit: 'binary', maxLength: 200 }).map((text) => Buffer.from(text)),
      fc.json().chain((text) => fc.nat(text.length).map((end) => Buffer.from(text.slice(0, end)))),
      // A sound multipart body, cut, with a piece missing or with something else in the middle.
      fc
        .tuple(
          fc.nat(sound.length),
          fc.nat(60),
          fc.oneof(texts, fc.constantFrom('\r\n--b', '\r\n\r\n', '--', '; name=')),
        )
        .map(([at, length, text]) =>
          Buffer.concat([sound.subarray(0, at), Buffer.from(text), sound.subarray(at + length)]),
        ),
      fc.nat(sound.length).map((end) => sound.subarray(0, end)),
    ),
  });

/** What stands behind the question mark of an address: percent-encodings that are right, wrong and half. */
export const brokenQueries: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '%',
        '%f',
        '%ff',
        '%00',
        '%zz',
        '%C3%28',
        '%ED%A0%80',
        '%u0041',
        '&',
        '=',
        '&&',
        '==',
        '+',
        ';',
        '[',
      ),
      fc.constantFrom(
        'user_id',
        'token',
        'video_id=',
        'latest_time=',
        'a[b]=',
        '__proto__[x]=1',
        '__proto__=',
        '?',
        ':/',
      ),
      fc.string({ unit: fc.constantFrom(...'abc019.-_~!*()'), maxLength: 8 }),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(''));
