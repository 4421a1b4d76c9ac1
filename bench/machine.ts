/** The machine that a report was made on, and the commit. */
import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));

export function describeMachine(): string {
  const processors = cpus();
  return `${processors[0]?.model.trim() ?? 'unknown processor'}, ${processors.length} cores, ${(totalmem() / 1024 ** 3).toFixed(1)} GiB memory`;
}

export function describeCommit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    const changed = git('status', '--porcelain', '--', 'server/src', 'contract/src', 'package-lock.json') !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? ', with changes that are not committed' : ''}`;
  } catch {
    return 'unknown: not a git checkout';
  }
}

/** Names of the usual ones by the number that the kernel gives them. */
const fileSystems = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x794c7630, 'overlay'],
  [0x01021994, 'tmpfs, which is memory: the times say nothing about a disk'],
]);

/** What the file system of a folder is called. */
export function fileSystemOf(path: string): string {
  const { type } = statfsSync(path);
  return fileSystems.get(type) ?? `of type 0x${type.toString(16)}`;
}
