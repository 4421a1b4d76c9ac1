// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the samples are code
import { describe, expect, test } from 'vitest';
import { checkRooms, roomOf } from './rooms.ts';
import { readSourceFiles } from './source-files.ts';
import { importsOf, readSource } from './source-text.ts';

const rulesOf = (path: string, text: string): string[] => checkRooms([{ path, text }]).map(({ rule }) => rule);

/** Each rule once kept and once broken. */
const cases: readonly { rule: RegExp; path: string; good: string; bad: string }[] = [
  {
    rule: /contract\/ must not import ports\//,
    path: 'contract/src/x.ts',
    good: "import { a } from './y.ts';\nimport { Type } from 'typebox';",
    bad: "import { a } from '../../server/src/ports/index.ts';",
  },
  {
    rule: /contract\/ is pure: it must not use node:fs at run time/,
    path: 'contract/src/x.ts',
    good: "import type { Stats } from 'node:fs';",
    bad: "import { readFileSync } from 'node:fs';",
  },
  {
    rule: /ports\/ must not import db\//,
    path: 'server/src/ports/x.ts',
    good: "import type { Text } from '@tiktok-server/contract';\nimport type { Readable } from 'node:stream';",
    bad: "import type { Database } from '../db/index.ts';",
  },
  {
    rule: /ports\/ is pure: it must not use node:stream/,
    path: 'server/src/ports/x.ts',
    good: "import type { Readable } from 'node:stream';",
    bad: "import { Readable } from 'node:stream';",
  },
  {
    rule: /media\/ must not import ports\/ but for types/,
    path: 'server/src/media/x.ts',
    good: "import { Type } from 'typebox';\nimport type { Transcoder } from '../ports/index.ts';",
    bad: "import { BlobMissingError } from '../ports/index.ts';",
  },
  {
    rule: /media\/ is pure: it must not use node:child_process/,
    path: 'server/src/media/x.ts',
    good: "import { limits } from '@tiktok-server/contract';",
    bad: "const { spawn } = await import('node:child_process');",
  },
  {
    rule: /store\/ must not import read\//,
    path: 'server/src/store/x.ts',
    good: "import { sql } from 'kysely';\nimport { keyset } from '../db/keyset.ts';",
    bad: "export { facts } from '../read/facts.ts';",
  },
  {
    rule: /db\/ must not import config\/ but for types/,
    path: 'server/src/db/x.ts',
    good: "import type { Config } from '../config/index.ts';",
    bad: "import { loadConfig } from '../config/index.ts';",
  },
  {
    rule: /read\/ must not import jobs\//,
    path: 'server/src/read/x.ts',
    good: "import { a } from '../store/index.ts';",
    bad: "import { a } from '../jobs/index.ts';",
  },
  {
    rule: /jobs\/ must not import features\//,
    path: 'server/src/jobs/x.ts',
    good: "import { a } from '../media/index.ts';",
    bad: "import { a } from '../features/video/video.jobs.ts';",
  },
  {
    rule: /features do not import each other: video imports like/,
    path: 'server/src/features/video/x.ts',
    good: "import { a } from './y.ts';\nimport { b } from '../owner.ts';\nimport { c } from '../../read/index.ts';",
    bad: "import { a } from '../like/like.service.ts';",
  },
  {
    rule: /features do not import each other: features imports like/,
    path: 'server/src/features/owner.ts',
    good: "import { a } from './actor.ts';",
    bad: "import { a } from './like/like.service.ts';",
  },
  {
    rule: /features\/ must not import http\//,
    path: 'server/src/features/video/x.ts',
    good: "import { a } from '@tiktok-server/contract';",
    bad: "import { a } from '../../http/index.ts';",
  },
  {
    rule: /http\/ must not import db\//,
    path: 'server/src/http/x.ts',
    good: "import { a } from '../features/handler.ts';\nimport Fastify from 'fastify';",
    bad: "import { a } from '../db/index.ts';",
  },
  {
    rule: /http\/ must not import adapters\//,
    path: 'server/src/http/x.ts',
    good: "import type { BlobStore } from '../ports/index.ts';",
    bad: "import type { a } from '../adapters/log.ts';",
  },
  {
    rule: /main\/ must not import adapters\//,
    path: 'server/src/main.ts',
    good: "import { createContext } from './context.ts';",
    bad: "import { a } from './adapters/log.ts';",
  },
  {
    rule: /adapters\/ must not import features\//,
    path: 'server/src/adapters/x.ts',
    good: "import { outboxStore } from '../store/index.ts';\nimport type { Queue } from '../ports/index.ts';",
    bad: "import { a } from '../features/handler.ts';",
  },
  {
    rule: /only store\/ and db\/ hold SQL/,
    path: 'server/src/features/video/x.ts',
    good: 'const a = videoStore.findVideos(reader, [1]);',
    bad: "const a = deps.database.reader\n  .selectFrom('videos');",
  },
  {
    rule: /imports node:sqlite: only store\/ and db\/ hold SQL/,
    path: 'server/src/jobs/x.ts',
    good: "import { a } from '../store/index.ts';",
    bad: "import { DatabaseSync } from 'node:sqlite';",
  },
  {
    rule: /is pure: it must not use node:fs at run time/,
    path: 'server/src/read/present.ts',
    good: "import type { Facts } from './facts.ts';\nimport { limits } from '@tiktok-server/contract';",
    bad: "import { readFileSync } from 'node:fs';",
  },
  {
    rule: /is pure: it must not use \.\/facts\.ts at run time/,
    path: 'server/src/read/rules.ts',
    good: "import { a } from './present.ts';",
    bad: "import { createFacts } from './facts.ts';",
  },
  {
    rule: /config\/ must not import http\//,
    path: 'server/src/config/x.ts',
    good: "import { readFileSync } from 'node:fs';",
    bad: "import { a } from '../http/index.ts';",
  },
  {
    rule: /conformance\/ must not import http\//,
    path: 'conformance/x.ts',
    good: "import { operations } from '@tiktok-server/contract';",
    bad: "import { a } from '../server/src/http/index.ts';",
  },
  {
    rule: /scripts\/ must not import bench\//,
    path: 'scripts/x.ts',
    good: "import { settings } from '../server/src/config/index.ts';",
    bad: "import { a } from '../bench/main.ts';",
  },
  {
    rule: /context\/ must not import conformance\//,
    path: 'server/src/context.ts',
    good: "import { a } from './adapters/log.ts';",
    bad: "import { a } from '../../conformance/kit.ts';",
  },
  {
    rule: /imports the test file server\/test\/server.ts/,
    path: 'server/src/context.ts',
    good: "import { a } from './http/index.ts';",
    bad: "import { a } from '../test/server.ts';",
  },
  {
    rule: /imports kysely: only store\/ and db\/ hold SQL/,
    path: 'server/src/jobs/x.ts',
    good: "import { outboxStore } from '../store/index.ts';",
    bad: "import { sql } from 'kysely';",
  },
  {
    rule: /imports better-sqlite3: only store/,
    path: 'server/src/adapters/x.ts',
    good: "import type { Lock } from '../ports/index.ts';",
    bad: "import Sqlite from 'better-sqlite3';",
  },
  {
    rule: /imports mysql2: only store/,
    path: 'server/src/adapters/x.ts',
    good: "import type { Database } from '../db/index.ts';",
    bad: "import { createConnection } from 'mysql2/promise';",
  },
  {
    rule: /reads the environment outside config\//,
    path: 'server/src/http/x.ts',
    good: "const text = 'process.env'; // process.env\nprocess.exitCode = 1;",
    bad: 'const port = process.env.PORT;',
  },
  {
    rule: /lies in a folder named helpers/,
    path: 'server/src/read/helpers/x.ts',
    good: '',
    bad: "import { a } from '../facts.ts';",
  },
];

describe('a rule', () => {
  test.each(cases.filter(({ good }) => good !== ''))('$rule: kept', ({ path, good }) => {
    expect(rulesOf(path, good)).toEqual([]);
  });

  test.each(cases)('$rule: broken', ({ rule, path, bad }) => {
    expect(rulesOf(path, bad)).toEqual([expect.stringMatching(rule)]);
  });

  test('holds for every spelling of the environment', () => {
    for (const text of [
      'process . env',
      'process?.env',
      "process['env']",
      'const { env: e } = process;',
      "import { env } from 'node:process';",
      "import { env } from 'process';",
      '`${process.env.HOME}`',
    ]) {
      expect(rulesOf('server/src/read/x.ts', text), text).toEqual(['reads the environment outside config/']);
      expect(rulesOf('server/src/config/x.ts', text), text).toEqual([]);
    }
  });

  test('about length counts lines, in tests and style sheets as well', () => {
    for (const path of ['server/src/read/x.ts', 'server/src/read/x.test.ts', 'server/assets/x.css']) {
      expect(rulesOf(path, 'a\n'.repeat(300))).toEqual([]);
      expect(rulesOf(path, 'a\n'.repeat(301))).toEqual([expect.stringMatching(/has 301 lines/)]);
    }
  });

  test('is told with the line that breaks it', () => {
    const text = "/* a\n b */\nimport {\n  a,\n} from '../jobs/index.ts';\n";
    expect(checkRooms([{ path: 'server/src/read/x.ts', text }])).toEqual([
      { path: 'server/src/read/x.ts', line: 3, rule: 'read/ must not import jobs/' },
    ]);
  });
});

test('tests may cross rooms', () => {
  const text = "import { a } from '../adapters/log.ts';\nimport { sql } from 'kysely';\nprocess.env.X;";
  for (const path of ['server/src/read/x.test.ts', 'server/src/ports/x.conformance.ts', 'server/test/x.ts']) {
    expect(rulesOf(path, text)).toEqual([]);
  }
});

test('rooms', () => {
  expect(roomOf('server/src/main.ts')).toBe('main');
  expect(roomOf('server/src/features/video/x.ts')).toBe('features');
  expect(roomOf('contract/src/x.ts')).toBe('contract');
  expect(roomOf('bench/x.ts')).toBe('bench');
});

describe('this repository', () => {
  const files = readSourceFiles(new URL('..', import.meta.url));

  test('keeps the rules', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(checkRooms(files)).toEqual([]);
  });

  test('has no import that the rules overlook', () => {
    for (const { path, text } of files.filter((file) => file.path.endsWith('.ts'))) {
      const lines = text.matchAll(/^(?:import|export|\})[^'\n]* from '([^'\n]+)';$/gm);
      const plain = [...lines].map((match) => match[1]);
      const found = importsOf(readSource(text)).map(({ target }) => target);
      expect(found, path).toEqual(expect.arrayContaining(plain));
    }
  });
});
