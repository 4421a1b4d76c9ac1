import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, numberOf, rowOf, startTestServer, type TestServer, type TestUser } from '../../test/server.ts';
import { answerOf, exchange, listen, requestText } from '../../test/sockets.ts';

/** Where parameters are found, and what a body gets that cannot be read. */
let server: TestServer;
let port: number;
let user: TestUser;
let videoId: number;

beforeAll(async () => {
  server = await startTestServer();
  port = await listen(server);
  user = await server.user();
  videoId = await server.publish(user);
});
afterAll(() => server.close());

const form = 'application/x-www-form-urlencoded';
const json = 'application/json';
const boundary = 'multipart/form-data; boundary=x';

const field = (name: string, value: string, more = ''): string =>
  `--x\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;

async function send(
  method: string,
  path: string,
  contentType: string | undefined,
  body = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const type = contentType === undefined ? {} : { 'content-type': contentType };
  const response = await exchange(port, requestText(method, path, { ...type, ...headers }, body));
  expect([response.status, response.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
  return answerOf(response);
}

/** Sends a comment, since its answer says which text counted. */
async function comment(contentType: string | undefined, body: string, query = ''): Promise<unknown> {
  const path = `/douyin/comment/action/?token=${user.token}&video_id=${videoId}&action_type=1${query}`;
  const answer = await send('POST', path, contentType, body);
  return answer.status_code === 0 ? rowOf(answer, 'comment')['content'] : answer.status_code;
}

describe('a parameter is taken from', () => {
  it.each([
    ['the query', undefined, '', '&comment_text=%E4%BD%A0%20+q'],
    ['a form', form, 'comment_text=%E4%BD%A0%20+q', ''],
    ['a form with a character set', `${form}; charset=UTF-8`, 'comment_text=%E4%BD%A0++q', ''],
    ['JSON', json, '{"comment_text":"你  q"}', ''],
    ['JSON with escapes', json, '{"comment_text":"\\u4f60  q"}', ''],
    ['JSON with a character set', `${json};charset="utf-8"`, '{"comment_text":"你  q"}', ''],
    ['JSON with a type in capitals', 'Application/JSON', '{"comment_text":"你  q"}', ''],
    ['multipart', boundary, `${field('comment_text', '你  q')}--x--\r\n`, ''],
    [
      'multipart with a quoted boundary',
      'multipart/form-data; boundary="x"',
      `${field('comment_text', '你  q')}--x--`,
      '',
    ],
    [
      'multipart with a type of the part',
      boundary,
      '--x\r\nContent-Disposition: form-data; name="comment_text"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n你  q\r\n--x--\r\n',
      '',
    ],
    [
      'multipart with a part of bytes, which has no file name',
      boundary,
      `${field('comment_text', '你  q', '\r\nContent-Type: application/octet-stream')}--x--`,
      '',
    ],
    [
      'multipart with a part of JSON',
      boundary,
      `${field('comment_text', '"你  q"', '\r\nContent-Type: application/json')}--x--`,
      '',
    ],
    ['JSON behind a byte order mark', json, '\ufeff{"comment_text":"你  q"}', ''],
  ])('%s', async (_where, contentType, body, query) => {
    expect(await comment(contentType, body, query)).toBe('你  q');
  });

  it('a part of JSON that is a number', async () => {
    const body = `${field('comment_text', '2024', '\r\nContent-Type: application/json')}--x--`;
    expect(await comment(boundary, body)).toBe('2024');
  });

  it('JSON with the digits of a number, not with what a double makes of them', async () => {
    const idOf = async (digits: string) =>
      (await send('GET', '/douyin/user/', json, `{"user_id":${digits}}`)).status_code;
    expect(await idOf(`${user.id}`)).toBe(0);
    expect(await idOf(user.id.toExponential())).toBe(0);
    for (const digits of [`${user.id}.00000000000000001`, '1.00000000000000000001', '1e400', '9007199254740993']) {
      expect(await idOf(digits)).toBe(100_004);
    }
  });

  it('the form of a GET request, as old clients send it', async () => {
    const answer = await send('GET', '/douyin/user/', form, `user_id=${user.id}&token=${user.token}`);
    expect(numberOf(rowOf(answer, 'user'), 'id')).toBe(user.id);
    expect((await send('GET', '/douyin/user', json, `{"user_id":${user.id}}`)).status_code).toBe(0);
    const multipart = await send('GET', '/douyin/user/', boundary, `${field('user_id', String(user.id))}--x--`);
    expect(multipart.status_code).toBe(0);
  });

  it('a body that comes in chunks, with extensions and trailers', async () => {
    const head = `POST /douyin/comment/action/?token=${user.token} HTTP/1.1\r\nHost: a\r\nContent-Type: ${form}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const text = `video_id=${videoId}&action_type=1&comment_text=chunks`;
    const chunks = [...text].map((letter) => `1;name=value\r\n${letter}\r\n`).join('');
    const response = await exchange(port, `${head}${chunks}0\r\nX-Trailer: 1\r\n\r\n`);
    expect(rowOf(answerOf(response), 'comment')['content']).toBe('chunks');
  });

  it('JSON as a number, a boolean or the first of a list', async () => {
    const path = `/douyin/comment/action/?token=${user.token}`;
    for (const id of [`${videoId}`, `"${videoId}"`, videoId.toExponential(), `[${videoId}, 5]`]) {
      const body = `{"video_id":${id},"action_type":1,"comment_text":true}`;
      expect(rowOf(await send('POST', path, json, body), 'comment')['content']).toBe('true');
    }
    expect(await comment(json, '{"comment_text":null}')).toBe(110_302);
  });
});

describe('given twice, the first value counts', () => {
  it.each([
    ['in the query', undefined, '', '&comment_text=first&comment_text=second'],
    ['in a form', form, 'comment_text=first&comment_text=second', ''],
    ['in multipart', boundary, `${field('comment_text', 'first')}${field('comment_text', 'second')}--x--`, ''],
    ['in JSON', json, '{"comment_text":"first","comment_text":"second"}', ''],
    [
      'in JSON with other things around',
      json,
      ' {"a":{"comment_text":[1,{"b":":,}"}]},"comment\\u005ftext" : "first" ,"comment_text":"second","c":[]} ',
      '',
    ],
    ['in query and form', form, 'comment_text=second', '&comment_text=first'],
    ['in query and JSON', json, '{"comment_text":"second"}', '&comment_text=first'],
    ['in query and multipart', boundary, `${field('comment_text', 'second')}--x--`, '&comment_text=first'],
  ])('%s', async (_where, contentType, body, query) => {
    expect(await comment(contentType, body, query)).toBe('first');
  });

  it('and an empty one in the query is a value', async () => {
    expect(await comment(form, 'comment_text=second', '&comment_text=')).toBe(110_302);
  });
});

describe('a body that holds nothing for us', () => {
  it.each([
    ['without a type', undefined, 'comment_text=no'],
    ['of an unknown type', 'application/x-unheard-of', 'comment_text=no'],
    ['of plain text', 'text/plain', 'comment_text=no'],
    ['of XML', 'application/xml', '<comment_text>no</comment_text>'],
    ['of a JSON dialect', 'application/vnd.api+json', '{"comment_text":"no"}'],
    ['of a form with other names', form, 'Comment_Text=no&comment_text[]=no&__proto__=no'],
    ['of JSON with other names', json, '{"__proto__":{"comment_text":"no"},"constructor":1}'],
    ['of an empty form', form, ''],
    ['of empty JSON', json, ''],
    ['of blank JSON', json, ' \r\n '],
    ['of a name beyond the bound of fields', form, `${'a=&'.repeat(200)}comment_text=no`],
  ])('%s changes nothing', async (_what, contentType, body) => {
    expect(await comment(contentType, body)).toBe(110_302);
    expect(await comment(contentType, body, '&comment_text=yes')).toBe('yes');
  });

  it.each(['__proto__', 'constructor', 'toString'])('never reads %s of anything', async (name) => {
    const answer = await send('POST', `/douyin/user/login/?${name}=1`, json, `{"${name}":{"username":"x"}}`);
    expect(answer.status_code).toBe(110_103);
  });
});

describe('a body that cannot be read gets 100003 and the empty fields', () => {
  const path = '/douyin/comment/action/';
  it.each([
    ['broken JSON', json, '{"comment_text":', 'not valid JSON'],
    ['JSON in another character set', json, Buffer.from('{"a":1}', 'utf16le').toString('latin1'), 'not valid JSON'],
    ['JSON that is a list', json, '[1]', 'must be an object'],
    ['JSON that is text', json, '"comment_text"', 'must be an object'],
    ['JSON nested without end', json, '['.repeat(60_000), 'not valid JSON'],
    ['a list of lists', json, '{"comment_text":[["a"]]}', 'comment_text must be text or a number'],
    ['an object for a text', json, '{"comment_text":{"$gt":0}}', 'comment_text must be text or a number'],
    ['no sensible type', ';;;', 'a=1', 'could not be read'],
    ['a form beyond 64 KiB', form, `comment_text=${'x'.repeat(66_000)}`, 'at most 64 KiB'],
    ['JSON beyond 64 KiB', json, `{"comment_text":"${'x'.repeat(66_000)}"}`, 'at most 64 KiB'],
    ['another body beyond 64 KiB', 'image/png', 'x'.repeat(66_000), 'at most 64 KiB'],
    ['multipart without a boundary', 'multipart/form-data', 'x', 'multipart'],
    ['multipart with another boundary', boundary, '--y\r\n\r\n--y--', 'multipart'],
    ['multipart without an end', boundary, field('comment_text', 'a'), 'multipart'],
    ['a part without an end of its headers', boundary, '--x\r\nContent-Disposition: form-data; name="a"', 'multipart'],
    [
      'a part that is not the JSON that it says it is',
      boundary,
      `${field('comment_text', 'abc', '\r\nContent-Type: application/json')}--x--`,
      'not valid JSON',
    ],
    ['a field beyond 64 KiB', boundary, `${field('comment_text', 'x'.repeat(66_000))}--x--`, 'larger than 64 KiB'],
    ['too many fields', boundary, `${field('a', '1').repeat(41)}--x--`, 'too many parts'],
    ['too many files', boundary, `${field('a', '1', '; filename="f"').repeat(5)}--x--`, 'too many parts'],
  ])('%s', async (_what, contentType, body, reason) => {
    const answer = await send(
      'POST',
      `${path}?token=${user.token}&video_id=${videoId}&action_type=1`,
      contentType,
      body,
    );
    expect(answer).toEqual({ status_code: 100_003, status_msg: expect.stringContaining(reason), comment: null });
    // The words of libraries stay in the log.
    expect(answer.status_msg).not.toMatch(/FST_|Unexpected|boundary not found|Error/);
  });

  it('megabytes where kilobytes are expected, and the client sees why', async () => {
    const body = `a=${'x'.repeat(8 * 1024 * 1024)}`;
    expect((await send('POST', '/douyin/user/login/', form, body)).status_code).toBe(100_003);
    const chunked = `POST /douyin/user/login/ HTTP/1.1\r\nHost: a\r\nContent-Type: ${form}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    expect(answerOf(await exchange(port, `${chunked}${chunk.repeat(20)}0\r\n\r\n`)).status_code).toBe(100_003);
  });
});

describe('a body that is not framed as HTTP says', () => {
  const start = `POST /douyin/user/login/?username=x&password=y HTTP/1.1\r\nHost: a\r\nContent-Type: ${form}\r\n`;
  it.each([
    ['a length that is no number', 'Content-Length: many\r\n\r\n'],
    ['a negative length', 'Content-Length: -1\r\n\r\n'],
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 4\r\n\r\na=1'],
    ['a length and chunks', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a coding that is not known', 'Transfer-Encoding: gzip\r\n\r\n'],
    ['a header with a line break in its name', 'X Y: 1\r\nContent-Length: 0\r\n\r\n'],
    ['a header with a NUL', 'X: a\0b\r\nContent-Length: 0\r\n\r\n'],
  ])('%s: 400, and the connection is closed', async (_what, rest) => {
    const response = await exchange(port, `${start}${rest}`);
    expect([response.status, response.headers['connection']]).toEqual([400, 'close']);
    expect(answerOf(response).status_code).toBe(100_003);
  });
});
