/**
 * The import rule between rooms, so that a line of code knows its room: `main → context → http → features → read, jobs,
 * media → store → db`, with `contract` and `ports` as leaves. Also what a file may hold: raw SQL engines, `process.env`,
 * adapters, casts, and how long it may be. Pure: files in, violations out.
 */
import { posix } from 'node:path';

export type SourceFile = { readonly path: string; readonly text: string };
export type Violation = { readonly path: string; readonly line: number; readonly rule: string };

const maxLines = 300;
const forbiddenFolders = new Set(['utils', 'helpers', 'common', 'manager', 'managers']);

/** What the files of a room may import, beside their own room and packages. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  main: ['config', 'context', 'demo'],
  demo: ['context', 'features', 'store'],
  context: ['adapters', 'config', 'db', 'features', 'http', 'jobs', 'media', 'ports', 'read', 'store', 'contract'],
  http: ['features', 'read', 'ports', 'contract'],
  features: ['read', 'jobs', 'media', 'store', 'db', 'ports', 'contract'],
  read: ['store', 'db', 'ports', 'contract'],
  jobs: ['store', 'db', 'ports', 'contract'],
  store: ['db', 'contract'],
  db: ['contract'],
  media: ['contract', 'ports'],
  adapters: ['ports', 'contract'],
  ports: ['contract'],
  config: ['contract'],
  contract: [],
  conformance: ['contract'],
  bench: ['contract'],
  scripts: ['contract', 'config', 'http'],
};

const sqlPackages = new Set(['kysely', 'kysely/migration', 'better-sqlite3']);
const sqlRooms = new Set(['store', 'db']);
/** The lock on the data folder is a transaction that is held; it runs no query. */
const sqlFiles = new Set(['server/src/adapters/data-lock.ts']);

export function checkRooms(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(checkFile);
}

function checkFile(file: SourceFile): Violation[] {
  const violations: Violation[] = [];
  const report = (offset: number, rule: string): void => {
    violations.push({ path: file.path, line: file.text.slice(0, offset).split('\n').length, rule });
  };
  const lines = file.text.split('\n').length - 1;
  if (lines > maxLines) report(file.text.length, `has ${lines} lines, more than ${maxLines}: it wants to be two files`);
  for (const folder of posix.dirname(file.path).split('/')) {
    if (forbiddenFolders.has(folder))
      report(0, `lies in a folder named ${folder}, which says nothing about what is in it`);
  }
  const code = withoutComments(file.text);
  for (const match of code.matchAll(/@ts-(?:ignore|expect-error|nocheck)/g))
    report(match.index, 'silences the type checker');
  for (const match of file.text.matchAll(/^\s*(?:\/\/|\/\*).*@ts-(?:ignore|expect-error|nocheck)/gm)) {
    report(match.index, 'silences the type checker');
  }
  const isTest = isTestFile(file.path);
  for (const match of withoutStrings(code).matchAll(/[\w)\]}>]\s+as\s+(?!const\b)[A-Za-z{[(]/g)) {
    if (!/^\s*(?:import|export)\b/.test(lineAt(code, match.index)))
      report(match.index, 'casts with `as`: narrow the type instead');
  }
  if (isTest) return violations;
  const room = roomOf(file.path);
  if (room !== 'config' && room !== 'scripts' && room !== 'bench') {
    for (const match of withoutStrings(code).matchAll(/process\.env\b/g))
      report(match.index, 'reads process.env outside config/');
  }
  for (const { target, offset } of importsOf(code)) {
    if (target.startsWith('.')) checkOwnImport(file.path, room, target, (rule) => report(offset, rule));
    else if (target === '@tiktok-server/contract') {
      if (room !== 'contract' && !allows(room, 'contract')) report(offset, `${room}/ must not import contract/`);
    } else if (sqlPackages.has(target) && !sqlRooms.has(room) && !sqlFiles.has(file.path)) {
      report(offset, `imports ${target}: only store/ and db/ hold SQL`);
    }
  }
  return violations;
}

function checkOwnImport(path: string, room: string, target: string, report: (rule: string) => void): void {
  const resolved = posix.normalize(posix.join(posix.dirname(path), target));
  const other = roomOf(resolved);
  if (isTestFile(resolved)) report(`imports the test file ${resolved}`);
  if (other === room) {
    const [own, others] = [featureOf(path), featureOf(resolved)];
    if (others !== undefined && own !== others)
      report(`features do not import each other: ${own ?? 'features'} imports ${others}`);
    return;
  }
  if (!allows(room, other)) report(`${room}/ must not import ${other}/`);
}

const allows = (room: string, other: string): boolean => mayImport[room]?.includes(other) === true;

/** The room of a file: the folder below server/src, the name of a file directly in it, or the top folder. */
export function roomOf(path: string): string {
  const parts = path.split('/');
  if (parts[0] !== 'server') return parts[0] ?? '';
  const name = parts[2] ?? '';
  return parts.length === 3 ? name.replace(/\.ts$/, '') : name;
}

/** The feature that a file belongs to, if it is one's own file and not shared by all of them. */
function featureOf(path: string): string | undefined {
  const parts = path.split('/');
  return parts[2] === 'features' && parts.length > 4 ? parts[3] : undefined;
}

const isTestFile = (path: string): boolean =>
  /\.(?:test|conformance)\.ts$/.test(path) || path.startsWith('server/test/') || /\/test\//.test(path);

function importsOf(code: string): { target: string; offset: number }[] {
  const found: { target: string; offset: number }[] = [];
  for (const match of code.matchAll(/\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)) {
    found.push({ target: match[1] ?? '', offset: match.index });
  }
  return found;
}

const lineAt = (text: string, offset: number): string =>
  text.slice(
    text.lastIndexOf('\n', offset) + 1,
    text.indexOf('\n', offset) < 0 ? undefined : text.indexOf('\n', offset),
  );

const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

/** The code with comments blanked, offsets unchanged. Strings are kept: an import's target is one. */
function withoutComments(text: string): string {
  return text.replace(
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (all, string?: string) => (string === undefined ? blank(all) : all),
  );
}

const withoutStrings = (code: string): string =>
  code.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g, blank);
