import { expect, it } from 'vitest';
import { readSourceFiles } from './source-files.ts';
import { divideTests, embeddedOnly, startsServer } from './test-projects.ts';

const files = readSourceFiles(new URL('../', import.meta.url));
const tests = files.filter(({ path }) => path.endsWith('.test.ts')).map(({ path }) => path);

const file = (path: string, text: string) => ({ path, text });
const server = file('server/src/http/a.test.ts', 'await startTestServer({});');
const engine = file('server/src/adapters/b.test.ts', "import { describeEngine } from '../../test/engines.ts';");
const pure = file('server/src/media/c.test.ts', "// startTestServer() is not needed, nor '../test/engines.ts'");
const ownEngine = file('bench/d.test.ts', "import { startRedis } from '../engines/index.ts';");
const ownRoom = file('stack/f.test.ts', '');
const besideIt = file('server/test/e.test.ts', "import { describeEngine } from './engines.ts'; startTestServer();");
const exception = file(Object.keys(embeddedOnly)[0] ?? '', 'await startTestServer();');

it('a whole server runs in both projects, an engine or a room of production in one, what is named as an exception in the other', () => {
  const all = [server, engine, pure, ownEngine, ownRoom, besideIt, exception, file('server/test/engines.ts', '')];
  expect(divideTests(all, true)).toEqual({
    embedded: [server, pure, exception].map(({ path }) => path).sort(),
    production: [server, engine, ownEngine, ownRoom, besideIt].map(({ path }) => path).sort(),
  });
});

it('without all engines whole servers run in one project, and what needs an engine says that it is not run', () => {
  expect(divideTests([server, engine], false)).toEqual({ embedded: [server.path], production: [engine.path] });
});

it('every test of the repository runs, and no exception is left of a file that is gone or starts no server', () => {
  for (const complete of [true, false]) {
    const { embedded, production } = divideTests(files, complete);
    expect([...new Set([...embedded, ...production])].sort()).toEqual([...tests].sort());
  }
  for (const path of Object.keys(embeddedOnly)) {
    expect([path, files.some((one) => one.path === path && startsServer(one))]).toEqual([path, true]);
  }
});
