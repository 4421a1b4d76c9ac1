import { METHODS } from 'node:http';
import { type Operation, operationNames, operations } from '@tiktok-server/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../test/server.ts';
import { answerOf, exchange, listen, open, requestText } from '../../test/sockets.ts';

let server: TestServer;
let port: number;

beforeAll(async () => {
  server = await startTestServer();
  port = await listen(server);
});
afterAll(() => server.close());

const all: readonly Operation[] = operationNames.map((name) => operations[name]);
const withoutSlash = (path: string): string => path.replace(/\/$/, '');

describe('paths', () => {
  it.each([
    '/nothing',
    '/douyin',
    '/douyin/',
    '/douyin/nothing/',
    '/douyin/feed/nothing',
    '/DOUYIN/feed/',
    '//douyin/feed/',
    '/douyin//feed/',
    '/douyin/./feed/..%2fuser',
    '/douyin/feed/;x=1',
    '/douyin/feed%2f',
    '/douyin/%zz/',
    '/%',
    '/%c3%28',
    '/%00',
    '/douyin/feed/%e4%b8%ad',
    `/douyin/${'a'.repeat(12_000)}/`,
  ])('answer 404 with the envelope where nothing is: %s', async (path) => {
    const response = await exchange(port, requestText('GET', path));
    expect(response.status).toBe(404);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answerOf(response)).toEqual({ status_code: 100_008, status_msg: 'No such address' });
  });

  it('answer 404 to every method', async () => {
    for (const method of METHODS.filter((name) => name !== 'CONNECT' && name !== 'HEAD')) {
      const response = await exchange(port, requestText(method, '/douyin/nothing/'));
      expect([method, response.status, answerOf(response).status_code]).toEqual([method, 404, 100_008]);
    }
  });

  it('are served in both spellings, without a redirect and with the query', async () => {
    for (const { method, path } of all) {
      const spellings = [path, withoutSlash(path)];
      const responses = await Promise.all(
        spellings.map((one) => exchange(port, requestText(method, `${one}?user_id=x&token=x`))),
      );
      const [canonical, other] = responses.map((response) => [
        path,
        response.status,
        answerOf(response).status_code,
        answerOf(response).status_msg,
        response.headers['location'],
      ]);
      expect(other).toEqual(canonical);
      expect(canonical?.[1]).toBe(200);
    }
  });
});

describe('methods', () => {
  it('other than the one of an operation get 405, an Allow header and the empty fields', async () => {
    const connection = open(port);
    for (const { method, path, answer } of all) {
      for (const other of METHODS) {
        // HEAD goes with GET; CONNECT asks for a tunnel, which is no path at all.
        if (other === method || other === 'CONNECT' || (other === 'HEAD' && method === 'GET')) continue;
        for (const spelling of [path, withoutSlash(path)]) {
          connection.write(requestText(other, spelling));
          const response = await connection.response({ bodiless: other === 'HEAD' });
          const allowed = method === 'GET' ? 'GET, HEAD' : method;
          expect([other, spelling, response.status, response.headers['allow']]).toEqual([
            other,
            spelling,
            405,
            allowed,
          ]);
          if (other === 'HEAD') continue;
          expect(answerOf(response).status_code).toBe(100_009);
          expect(Object.keys(answerOf(response)).slice(2)).toEqual(Object.keys(answer.properties));
        }
      }
    }
    connection.socket.destroy();
  });

  it('HEAD answers like GET, without the body', async () => {
    for (const path of ['/douyin/user/?user_id=1', '/healthz', '/docs', '/openapi.json', '/douyin/nothing/']) {
      const [get, head] = await Promise.all(['GET', 'HEAD'].map((method) => exchange(port, requestText(method, path))));
      expect([path, head?.status, head?.headers['content-length'], head?.headers['content-type']]).toEqual([
        path,
        get?.status,
        get?.headers['content-length'],
        get?.headers['content-type'],
      ]);
      expect(Number(head?.headers['content-length'])).toBeGreaterThan(0);
    }
  });

  it('CONNECT gets no tunnel', async () => {
    const connection = open(port);
    connection.write('CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n');
    expect(await connection.closed()).not.toContain('200');
  });
});

describe('languages', () => {
  const messageIn = async (acceptLanguage: string, path = '/douyin/user/?user_id=1'): Promise<string> => {
    const response = await exchange(port, requestText('GET', path, { 'accept-language': acceptLanguage }));
    return answerOf(response).status_msg;
  };

  it.each([
    ['zh', '用户不存在'],
    ['zh-CN,zh;q=0.9,en;q=0.8', '用户不存在'],
    ['zh-Hant-TW', '用户不存在'],
    ['fr-FR, ZH-cn;q=0.5', '用户不存在'],
    ['en-GB,zh;q=0.5', 'User not found'],
    ['fr', 'User not found'],
    ['', 'User not found'],
    [',,;q=,', 'User not found'],
    [`${'fr,'.repeat(3_000)}zh`, 'User not found'],
  ])('%.20s', async (header, message) => {
    expect(await messageIn(header)).toBe(message);
  });

  it('are spoken in refusals of every kind', async () => {
    expect(await messageIn('zh', '/nothing')).toBe('地址不存在');
    expect(await messageIn('zh', '/douyin/user/login/')).toBe('请求方法不被允许: 请使用 POST');
    expect(await messageIn('zh', '/douyin/user/?user_id=1.5')).toContain('参数校验失败: user_id 必须是');
    expect(await messageIn('zh', '/douyin/message/chat/')).toContain('缺少 token');
  });
});
