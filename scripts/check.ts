/**
 * `npm run check`: types, lint and format, the import rule between rooms, casts, the suites of adapters, and whether
 * generated documents are current. All of them run, each says how it went, and one that fails makes the whole fail.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { checkCasts } from './casts.ts';
import { checkSuites } from './conformance-suites.ts';
import { checkRooms } from './rooms.ts';
import { readSourceFiles, type SourceFile, type Violation } from './source-files.ts';

const root = new URL('..', import.meta.url);
const local = (path: string): string => fileURLToPath(new URL(path, root));

function command(program: string, ...args: string[]): () => boolean {
  return () => {
    const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    if (error !== undefined) console.error(error.message);
    return status === 0;
  };
}

function rule(check: (files: readonly SourceFile[]) => readonly Violation[]): () => boolean {
  return () => {
    const files = readSourceFiles(root);
    const violations = check(files);
    for (const { path, line, rule: broken } of violations) console.error(`${path}:${line} ${broken}`);
    console.log(`${files.length} files looked at, ${violations.length} violations`);
    // A check that looks at nothing has not passed.
    return files.length > 0 && violations.length === 0;
  };
}

const checks: readonly (readonly [string, () => boolean])[] = [
  ['types', command(local('node_modules/.bin/tsc'), '-p', '.')],
  ['lint and format', command(local('node_modules/.bin/biome'), 'ci', '--error-on-warnings', '.')],
  ['rooms', rule(checkRooms)],
  ['casts', rule(checkCasts)],
  ['suites', rule(checkSuites)],
  ['documents', command(process.execPath, local('scripts/docs.ts'), '--check')],
];

const results = checks.map(([name, check]) => {
  console.log(`\n— ${name}`);
  const startedMs = performance.now();
  const passed = check();
  return {
    passed,
    line: `${passed ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`,
  };
});
console.log(`\n${results.map(({ line }) => line).join('\n')}`);
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
