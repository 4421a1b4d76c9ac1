/** `npm run check`: types, lint and format, the import rule between rooms, and whether generated documents are current. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { checkRooms } from './rooms.ts';

const root = new URL('..', import.meta.url);

/** Files that git tracks or would: what is ignored is not ours. */
function sourceFiles(): string[] {
  const listed = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (listed.status !== 0) throw new Error(`git could not list the files: ${listed.stderr}`);
  return listed.stdout.split('\n').filter((path) => path !== '' && !path.endsWith('.d.ts'));
}

function command(program: string, ...args: string[]): () => boolean {
  return () => spawnSync(program, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

function rooms(): boolean {
  const files = sourceFiles();
  const violations = checkRooms(files.map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') })));
  for (const { path, line, rule } of violations) console.error(`${path}:${line} ${rule}`);
  console.log(`${files.length} files looked at, ${violations.length} violations`);
  return files.length > 0 && violations.length === 0;
}

const checks: readonly (readonly [string, () => boolean])[] = [
  ['types', command('tsc', '-p', '.')],
  ['lint and format', command('biome', 'ci', '.')],
  ['rooms', rooms],
  ['documents', command(process.execPath, 'scripts/docs.ts', '--check')],
];

const failed = checks.filter(([name, check]) => {
  console.log(`\n— ${name}`);
  return !check();
});
console.log(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.map(([name]) => name).join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
