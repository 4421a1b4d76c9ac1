/** What a person meets: arguments, exit codes, and reports on servers that are down, slow, limited or not complete. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server/test/server.ts';
import { allChecks } from './checks/index.ts';
import { cli, usage } from './cli.ts';
import { createApi } from './client.ts';
import { createKit } from './kit.ts';
import { textReport } from './report.ts';
import { runChecks } from './run.ts';

let server: TestServer;
let base: string;
const open: Server[] = [];

beforeAll(async () => {
  server = await startTestServer();
  base = await server.context.app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(() => {
  for (const one of open.splice(0)) {
    one.closeAllConnections();
    one.close();
  }
});
afterAll(async () => {
  await server?.close();
});

/** A server that is not ours. */
async function serve(listener: RequestListener): Promise<string> {
  const one = createServer(listener);
  open.push(one);
  await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
  const address = one.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

const answering =
  (body: unknown, status = 200): RequestListener =>
  (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
  };

async function run(...args: string[]) {
  const [out, errors]: [string[], string[]] = [[], []];
  const code = await cli(args, {
    out: (text) => out.push(text),
    error: (text) => errors.push(text),
    coloured: false,
    progress: undefined,
  });
  return { code, out: out.join('\n'), errors: errors.join('\n') };
}

/** A port on which nothing listens: it was free a moment ago. */
async function deadAddress(): Promise<string> {
  const address = await serve(() => {});
  const one = open.pop();
  await new Promise((resolve) => one?.close(resolve));
  return address;
}

describe('arguments', () => {
  test('the program exits with 2 and says why when nothing listens', async () => {
    const address = await deadAddress();
    const program = fileURLToPath(new URL('main.ts', import.meta.url));
    const { status, stderr, stdout } = spawnSync(process.execPath, [program, address], { encoding: 'utf8' });
    expect(stderr).toContain(`${address} cannot be reached: connect ECONNREFUSED`);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test.each([
    [[], 'give the address'],
    [['http://127.0.0.1:1', 'http://127.0.0.1:2'], 'give the address of one server'],
    [['localhost:8080'], 'not an address of the form http://host:port'],
    [['--nonsense', 'http://127.0.0.1:1'], '--nonsense'],
    [['--only', 'nonsense', 'http://127.0.0.1:1'], '--only nonsense: there is no such check'],
  ])('%j is refused with exit code 2', async (args, words) => {
    const { code, errors, out } = await run(...args);
    expect(errors).toContain(words);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  test('--help and --list need no server', async () => {
    expect(await run('--help')).toEqual({ code: 0, out: usage, errors: '' });
    const { code, out } = await run('--list', '--only', 'likes,feed.next-time');
    expect(code).toBe(0);
    const listed = out.split('\n').map((line) => line.split(' ')[0]);
    expect(listed).toContain('feed.next-time');
    expect(listed.filter((id) => !id?.startsWith('likes.'))).toEqual(['feed.next-time']);
  });

  test('an address with a path below /douyin means its server; --json also writes a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
    try {
      const file = join(folder, 'report.json');
      const { code, out } = await run(`${base}/douyin/feed/?x=1`, '--only', 'users.register,paths', '--json', file);
      expect(out).toContain(`${base} speaks the contract`);
      expect(code).toBe(0);
      const report: unknown = JSON.parse(readFileSync(file, 'utf8'));
      expect(report).toMatchObject({ server: base, conforms: true, counts: { holds: 4, fails: 0 } });
      const toTerminal = await run(base, '--only', 'paths', '--json', '-');
      expect(JSON.parse(toTerminal.out)).toMatchObject({ conforms: true });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a report that cannot be written is exit code 2', async () => {
    const { code, errors } = await run(base, '--only', 'paths.slashes', '--json', '/nowhere/report.json');
    expect(errors).toContain('--json /nowhere/report.json');
    expect(code).toBe(2);
  });
});

describe('reports', () => {
  test('a server without registration: what needs a user is blocked by that check and never holds', async () => {
    const address = await serve(answering({ status_code: 7, status_msg: 'closed' }));
    const { code, out } = await run(address, '--only', 'users.register,likes,follows,messages');
    expect(code).toBe(1);
    expect(out).toContain('FAILS users.register');
    expect(out).toContain('blocked by users.register');
    expect(out).not.toMatch(/^ {2}holds/m);
    expect(out).toContain('does not speak the contract yet');
  });

  test('a failure says what was sent, what came back, what is wanted, why, and how to fix it', async () => {
    const address = await serve(answering({ status_code: 0, status_msg: '', video_list: null }));
    const { code, out } = await run(address, '--only', 'feed.answers');
    expect(code).toBe(1);
    const detail = out.slice(out.indexOf('What fails, and why'), out.indexOf('section  '));
    expect(
      detail
        .trimEnd()
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual([
      'What fails, and why',
      '',
      'FAILS feed.answers: feed/ answers with at most 30 videos and next_time',
      '  sent        GET /douyin/feed/',
      '  came back   "video_list" is null',
      '              HTTP 200: {"status_code":0,"status_msg":"","video_list":null}',
      '  wanted      "video_list" to be a list, [] if it is empty',
      '  why         It is the first thing that the app asks for.',
      '  how to fix  Answer video_list ([] if there is none) and next_time, without asking for a token.',
    ]);
  });

  test('a server with rate limits is told to turn them off', async () => {
    const address = await serve(answering({ status_code: 110701, status_msg: 'slow down' }, 429));
    const { code, out, errors } = await run(address, '--only', 'feed.answers,users.register');
    expect(errors).toContain('RATE_LIMIT=off');
    expect(out).toContain('blocked by rate limit (HTTP 429): run the server with RATE_LIMIT=off');
    expect(code).toBe(1);
  });

  test('additions of this project that a server lacks are not offered, and no failure', async () => {
    const address = await serve(answering({ status_code: 404, status_msg: 'no such address' }, 404));
    const { code, out } = await run(address, '--only', 'extras.openapi,paths.unknown-404');
    expect(out).toMatch(/^ {2}not offered extras\.openapi/m);
    expect(out).toMatch(/^ {2}holds {7}paths\.unknown-404/m);
    expect(code).toBe(0);
  });

  test('an empty feed leaves its boundary unchecked, which is said and not counted as holding', async () => {
    const { code, out } = await run(base, '--only', 'course.feed,feed.page-boundary');
    expect(out.match(/^ {2}not checked/gm)).toHaveLength(2);
    expect(out).toContain('--fill uploads 31 to find out');
    expect(out).not.toMatch(/^ {2}holds/m);
    expect(code).toBe(0);
  });

  test('a server that never answers is asked a few times and no more', async () => {
    let calls = 0;
    const address = await serve(() => {
      calls += 1;
    });
    const results = await runChecks(createKit(createApi(address, 50), false), allChecks);
    expect(results.filter(({ outcome }) => outcome === 'holds')).toEqual([]);
    expect(calls).toBeLessThan(10);
    expect(textReport(address, results, false)).toContain('no answer: nothing within 0.05 s');
  });

  test('an answer that nobody thought of ends no run', async () => {
    const address = await serve(answering({ status_code: {}, status_msg: [], video_list: [7, null, [[]]], user: 3 }));
    const results = await runChecks(createKit(createApi(address), false), allChecks);
    expect(results).toHaveLength(allChecks.length);
    expect(results.filter(({ reason }) => reason?.startsWith('a mistake') === true)).toEqual([]);
  });

  test('tokens are shortened', async () => {
    const kit = createKit(createApi(base), false);
    const { token } = await kit.alice();
    const shown = await kit.op('user', { user_id: 'x' }, token, { form: { token }, headers: { authorization: token } });
    const login = await kit.op('login', { username: (await kit.alice()).name, password: (await kit.alice()).password });
    const words = `${shown.sent}\n${login.received}`;
    expect(words).toContain(`token=${token.slice(0, 10)}… (${token.length} characters)`);
    expect(words).not.toContain(token.slice(0, 40));
    expect(words).not.toContain(String(login.body?.['token']));
  });
});
