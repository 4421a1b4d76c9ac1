/**
 * The import rule between rooms, so that a line of code knows its room: `main → context → http → features → read, jobs,
 * media → store → db`, with `contract` and `ports` as leaves. Also what else belongs to a room: SQL, `process.env`, and how
 * long a file may be. Pure: files in, violations out. As a program it prints what it finds.
 */
import { posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readSourceFiles, type SourceFile, type Violation } from './source-files.ts';
import { type Import, importsOf, lineOf, readSource } from './source-text.ts';

const maxLines = 300;
const forbiddenFolders = new Set(['utils', 'helpers', 'common', 'manager', 'managers']);

const contractPackage = '@tiktok-server/contract';

type Room = {
  /** The rooms that it may import, beside itself. */
  readonly code: readonly string[];
  /** Rooms of which it may import types alone. */
  readonly types?: readonly string[];
  /** The packages, Node's own included, that it may use at run time; without this, any. */
  readonly packages?: readonly string[];
};

const rooms: Readonly<Record<string, Room>> = {
  main: { code: ['config', 'context', 'demo'] },
  'jobs-command': { code: ['config', 'context'], types: ['jobs'] },
  demo: { code: ['features', 'store', 'contract'], types: ['context'] },
  context: {
    code: ['adapters', 'config', 'http', 'features', 'read', 'jobs', 'media', 'store', 'db', 'ports', 'contract'],
  },
  http: { code: ['features', 'read', 'jobs', 'ports', 'contract'], types: ['config'] },
  features: { code: ['read', 'jobs', 'media', 'store', 'db', 'ports', 'contract'] },
  read: { code: ['store', 'db', 'ports', 'contract'] },
  jobs: { code: ['store', 'db', 'media', 'ports', 'contract'] },
  store: { code: ['db', 'ports', 'contract'] },
  db: { code: ['ports', 'contract'], types: ['config'] },
  media: { code: ['contract'], types: ['ports'], packages: ['typebox', 'blurhash'] },
  adapters: { code: ['store', 'db', 'ports', 'contract'], types: ['config'] },
  ports: { code: ['contract'], packages: [] },
  config: { code: ['contract'] },
  contract: { code: [], packages: ['typebox'] },
  conformance: { code: ['contract'] },
  bench: { code: ['contract', 'scripts', 'engines'] },
  scripts: { code: ['contract', 'config', 'http', 'engines'] },
  engines: { code: [] },
  stack: { code: ['config', 'engines', 'scripts'] },
  docker: { code: [] },
  chaos: { code: ['contract', 'engines', 'scripts', 'bench'] },
  'vitest.config.ts': { code: ['scripts'] },
};

const sqlPackages = new Set(['kysely', 'better-sqlite3', 'mysql2', 'node:sqlite']);
const sqlRooms = new Set(['store', 'db']);
/** The lock on the data folder is a transaction that is held; the bench and chaos look at tables from outside. */
const sqlFiles = new Set(['server/src/adapters/data-lock.ts', 'bench/server-process.ts', 'chaos/tables.ts']);
/** Where a query begins, whoever handed the database on. */
const query = /\.\s*(?:selectFrom|insertInto|replaceInto|updateTable|deleteFrom|mergeInto)\s*\(/g;

/** Files that only turn facts into answers: at run time they use the contract and each other. */
const pureFiles = new Set(['server/src/read/rules.ts', 'server/src/read/present.ts']);

/** Rooms that may read the environment: tools hand it on to the programs that they start. */
const environmentRooms = new Set(['config', 'scripts', 'bench', 'chaos']);
const environmentUses = [
  /\bprocess\s*(?:\?\.|\.)\s*env\b/g,
  /\bprocess\s*(?:\?\.)?\[/g,
  /\{[^{}]*\benv\b[^{}]*\}\s*=\s*process\b/g,
];

export function checkRooms(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(checkFile);
}

function checkFile({ path, text }: SourceFile): Violation[] {
  const violations: Violation[] = [];
  const report = (line: number, rule: string): void => {
    violations.push({ path, line, rule });
  };
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  if (lines > maxLines) report(lines, `has ${lines} lines, more than ${maxLines}: it wants to be two files`);
  for (const folder of posix.dirname(path).split('/')) {
    if (forbiddenFolders.has(folder))
      report(1, `lies in a folder named ${folder}, which says nothing about what is in it`);
  }
  if (!path.endsWith('.ts') || isTestFile(path)) return violations;
  const source = readSource(text);
  const room = roomOf(path);
  if (!environmentRooms.has(room)) {
    for (const { index } of environmentUses.flatMap((use) => [...source.code.matchAll(use)])) {
      report(lineOf(text, index), 'reads the environment outside config/');
    }
  }
  if (!sqlRooms.has(room)) {
    for (const { index } of source.code.matchAll(query)) {
      report(lineOf(text, index), 'runs a query: only store/ and db/ hold SQL');
    }
  }
  for (const one of importsOf(source)) {
    for (const rule of brokenRules(path, room, one)) report(lineOf(text, one.offset), rule);
  }
  return violations;
}

function brokenRules(path: string, room: string, one: Import): string[] {
  const { target, typeOnly } = one;
  const resolved = posix.normalize(posix.join(posix.dirname(path), target));
  if (pureFiles.has(path) && !typeOnly && !pureFiles.has(resolved) && !target.startsWith(contractPackage)) {
    return [`is pure: it must not use ${target} at run time`];
  }
  if (target.startsWith('.')) {
    return isTestFile(resolved)
      ? [`imports the test file ${resolved}`]
      : brokenRoomRules(path, room, resolved, typeOnly);
  }
  if (target === contractPackage || target.startsWith(`${contractPackage}/`)) {
    return room === 'contract' || allows(room, 'contract', typeOnly) ? [] : [`${room}/ must not import contract/`];
  }
  const name = packageOf(target);
  const allowed = rooms[room]?.packages;
  const broken: string[] = [];
  if (sqlPackages.has(name) && !sqlRooms.has(room) && !sqlFiles.has(path)) {
    broken.push(`imports ${name}: only store/ and db/ hold SQL`);
  }
  if (name === 'node:process' && !environmentRooms.has(room)) broken.push('reads the environment outside config/');
  if (allowed !== undefined && !typeOnly && !allowed.includes(name)) {
    broken.push(`${room}/ is pure: it must not use ${name} at run time`);
  }
  return broken;
}

function brokenRoomRules(path: string, room: string, resolved: string, typeOnly: boolean): string[] {
  const other = roomOf(resolved);
  if (other !== room) {
    if (allows(room, other, typeOnly)) return [];
    const onlyTypes = allows(room, other, true) ? ' but for types (`import type`)' : '';
    return [`${room}/ must not import ${other}/${onlyTypes}`];
  }
  const [own, others] = [featureOf(path), featureOf(resolved)];
  return others === undefined || own === others
    ? []
    : [`features do not import each other: ${own ?? 'features'} imports ${others}`];
}

function allows(room: string, other: string, typeOnly: boolean): boolean {
  const { code, types = [] } = rooms[room] ?? { code: [] };
  return code.includes(other) || (typeOnly && types.includes(other));
}

/** The package of an import; Node's own with their prefix, whatever the spelling. */
function packageOf(target: string): string {
  if (target === 'process') return 'node:process';
  const [scope = '', name = ''] = target.split('/');
  return scope.startsWith('@') ? `${scope}/${name}` : scope;
}

/** The room of a file: the folder below server/src, the name of a file directly in it, or the top folder. */
export function roomOf(path: string): string {
  const parts = path.split('/');
  if (parts[0] !== 'server' || parts[1] !== 'src') return parts[0] ?? '';
  return (parts[2] ?? '').replace(/\.ts$/, '');
}

/** The feature that a file belongs to, if it is one's own file and not shared by all of them. */
function featureOf(path: string): string | undefined {
  const parts = path.split('/');
  return roomOf(path) === 'features' && parts.length > 4 ? parts[3] : undefined;
}

/** Tests, what they share, and the suites that every adapter of a port has to pass: they may cross rooms. */
const isTestFile = (path: string): boolean => /\.(?:test|conformance)\.ts$/.test(path) || /(?:^|\/)test\//.test(path);

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const violations = checkRooms(readSourceFiles(new URL('..', import.meta.url)));
  for (const { path, line, rule } of violations) console.error(`${path}:${line} ${rule}`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
