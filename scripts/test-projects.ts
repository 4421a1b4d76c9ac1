/**
 * Which test runs on which form of the product. `npm test` runs two projects: `embedded`, on SQLite, memory and disk, and
 * `production`, on real MySQL, Redis, RabbitMQ and S3. A file that starts a whole server runs in both, unless it is named
 * here with the reason; a file that asks for an engine runs in `production` alone; any other has no form and runs once.
 */
import { posix } from 'node:path';
import type { EngineName } from '../engines/engine.ts';
import { missingOf } from '../engines/installed.ts';
import type { SourceFile } from './source-files.ts';
import { importsOf, readSource } from './source-text.ts';

/** The engines that the servers of the project `production` use; without any, only tests of engines run there. */
export const productionEngines: readonly EngineName[] = ['mysql', 'redis', 'rabbitmq', 's3'];

/** The variables that say where the engines of a run are: set by whoever has servers already, else by the run itself. */
export const engineVariables = {
  mysql: 'TEST_MYSQL_URL',
  redis: 'TEST_REDIS_URL',
  rabbitmq: 'TEST_AMQP_URL',
  s3: 'TEST_S3_URL',
} as const satisfies Readonly<Record<EngineName, string>>;

/** Files that start a whole server and are about the embedded form, or not about the server at all. */
export const embeddedOnly: Readonly<Record<string, string>> = {
  'server/test/database-failures.test.ts': 'fills and locks the SQLite file',
  'server/src/http/media-routes.test.ts': 'is about files that our own process serves from the disk',
  'server/src/http/large-files.test.ts': 'is about files that our own process serves from the disk',
  'server/src/http/accel-redirect.test.ts': 'is about files on the disk, which nginx sends',
  'server/test/playback.test.ts':
    'plays in a browser what our own process serves: the files are the same in both forms',
  'server/src/features/video/package.test.ts': 'is about what is in the files that are made, which no engine changes',
  'server/src/features/video/sync.test.ts': 'is about what is in the files that are made, which no engine changes',
  'server/src/features/video/prepared-file.test.ts':
    'is about what is in the files that are made, which no engine changes',
  'conformance/cli.test.ts': 'is about the arguments and reports of the kit, for which any server will do',
};

/** Whether servers of the production form can be started here: each of its engines is given, or can be started. */
export const hasProduction = (): boolean =>
  productionEngines.length > 0 &&
  productionEngines.every(
    (engine) => process.env[engineVariables[engine]] !== undefined || missingOf(engine) === undefined,
  );

/** How a test says that it needs an engine, or a whole server. */
const engineSources = [/(?:^|\/)test\/(?:engines|slots)\.ts$/, /(?:^|\/)engines\/[a-z0-9-]+\.ts$/];
/** Rooms that are about the production form alone, or take their time with processes of their own: once, and not first. */
const productionRooms = /^(?:chaos|docker|engines|stack)\//;
const serverStart = /\bstartTestServer\s*\(/;

export type TestProjects = { readonly embedded: readonly string[]; readonly production: readonly string[] };

/** Divides the test files; without a production form, whole servers run in `embedded` alone. */
export function divideTests(files: readonly SourceFile[], production: boolean): TestProjects {
  const tests = files.filter(({ path }) => path.endsWith('.test.ts'));
  const engine = tests.filter(needsEngine);
  const both = tests.filter((file) => production && startsServer(file) && embeddedOnly[file.path] === undefined);
  return {
    embedded: pathsOf(tests.filter((file) => !engine.includes(file))),
    production: pathsOf([...new Set([...engine, ...both])]),
  };
}

const pathsOf = (files: readonly SourceFile[]): string[] => files.map(({ path }) => path).sort();

function needsEngine({ path, text }: SourceFile): boolean {
  if (productionRooms.test(path)) return true;
  return importsOf(readSource(text)).some(({ target }) => {
    const imported = posix.join(posix.dirname(path), target);
    return engineSources.some((source) => source.test(imported));
  });
}

export const startsServer = ({ text }: SourceFile): boolean => serverStart.test(readSource(text).code);
