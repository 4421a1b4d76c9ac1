/** Looks at real tools from outside, as `/proc` shows them: this is about Linux with util-linux, where the guards are. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../../test/server.ts';
import type { ToolLimits, Transcoder } from '../ports/index.ts';
import { defaultMaxFileBytes, defaultMaxMemoryBytes, detectGuards } from './tool-guard.ts';
import { createFfmpegTranscoder } from './transcoder-ffmpeg.ts';

const searchPath = ['/usr/local/bin', '/usr/bin', '/bin'];
const waiting = { timeout: 20_000, interval: 10 };
const generous: ToolLimits = { timeoutMs: 100_000, maxOutputBytes: 1024 };
let marks = 0;
let mark: string;
let transcoder: Transcoder | undefined;
/** Runs until it is killed; the mark is what it is found by. */
const endless = (): string[] =>
  `-v error -nostdin -re -f lavfi -i testsrc2=size=64x64:rate=5 -metadata title=${mark} -f null -`.split(' ');

beforeEach(() => {
  marks += 1;
  mark = `guarded-${process.pid}-${marks}`;
});
afterEach(async () => {
  await transcoder?.close();
  transcoder = undefined;
});

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
/** Programs that run with the mark among their arguments. */
const marked = (): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const [program = '', ...args] = read(`/proc/${pid}/cmdline`).split('\0');
      return program.endsWith('ffmpeg') && args.some((arg) => arg.includes(mark));
    });
const found = async (): Promise<string> => await vi.waitUntil(() => marked()[0], waiting);
const limitOf = (pid: string, name: string): string[] =>
  new RegExp(`^${name}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(read(`/proc/${pid}/limits`))?.slice(1) ?? [];
/** Number 41 of proc(5)'s stat; 5 is SCHED_IDLE. */
const policyOf = (pid: string): string | undefined => read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ')[38];

async function running(limits: ToolLimits, mediaPriority: 'idle' | 'normal' = 'idle') {
  transcoder = await createFfmpegTranscoder({ ffmpegPath: undefined, searchPath, mediaPriority });
  const run = transcoder.run('ffmpeg', endless(), limits);
  return { pid: await found(), run };
}

it('bounds memory, files, processor time and core files', async () => {
  const { pid } = await running(generous);
  expect(transcoder?.info.guards).toEqual(['dies-with-server', 'idle-priority', 'resource-limits']);
  expect(limitOf(pid, 'Max address space')).toEqual(Array(2).fill(String(defaultMaxMemoryBytes)));
  expect(limitOf(pid, 'Max file size')).toEqual(Array(2).fill(String(defaultMaxFileBytes)));
  const cpuSeconds = 100 * availableParallelism();
  expect(limitOf(pid, 'Max cpu time')).toEqual([String(cpuSeconds), String(cpuSeconds + 2)]);
  expect(limitOf(pid, 'Max core file size')).toEqual(['0', '0']);
});

it('takes the bounds that it is given, and none on memory where a graphics card needs it', async () => {
  const { pid } = await running({ ...generous, maxMemoryBytes: 'unlimited', maxFileBytes: 4_096 });
  const [own] = limitOf('self', 'Max address space');
  expect(limitOf(pid, 'Max address space')[0]).toBe(own);
  expect(limitOf(pid, 'Max file size')).toEqual(['4096', '4096']);
});

it('gives the processor to others first, inside its session and as a session', async () => {
  const { pid } = await running({ ...generous, background: true });
  expect(policyOf(pid)).toBe('5');
  // Without autogroups in this kernel there is nothing to lower.
  if (read('/proc/sys/kernel/sched_autogroup_enabled').trim() === '1') {
    await vi.waitFor(() => expect(read(`/proc/${pid}/autogroup`)).toContain('nice 19'), waiting);
  }
});

it.each([
  ['what somebody waits for', {}, 'idle'],
  ['what may take its share', { background: true }, 'normal'],
] as const)('leaves the priority of %s as it is', async (_what, more, mediaPriority) => {
  const { pid } = await running({ ...generous, ...more }, mediaPriority);
  expect(policyOf(pid)).toBe('0');
  expect(read(`/proc/${pid}/autogroup`)).not.toContain('nice 19');
});

it('kills the tool itself, not a program before it', async () => {
  const controller = new AbortController();
  const { pid, run } = await running({ ...generous, background: true, signal: controller.signal });
  controller.abort();
  expect(await run).toMatchObject({ end: 'aborted', exitCode: null });
  expect(read(`/proc/${pid}/cmdline`)).toBe('');
  expect(marked()).toEqual([]);
});

it('takes the tool along when the server is killed', async () => {
  const source = `
    import { createFfmpegTranscoder } from ${JSON.stringify(fileURLToPath(new URL('transcoder-ffmpeg.ts', import.meta.url)))};
    const options = { ffmpegPath: undefined, searchPath: ${JSON.stringify(searchPath)} };
    await (await createFfmpegTranscoder(options)).run('ffmpeg', ${JSON.stringify(endless())}, ${JSON.stringify(generous)});`;
  const server = spawn(process.execPath, ['--input-type=module', '--eval', source], { stdio: 'inherit' });
  const pid = await found();
  server.kill('SIGKILL');
  await once(server, 'exit');
  await vi.waitFor(() => expect(read(`/proc/${pid}/cmdline`)).toBe(''), waiting);
});

describe('guards that do not work here', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());
  const program = (name: string, text: string): void => {
    const path = join(folder.path, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
  };

  it('are left out one by one, and nothing is in front of the tool where there are none', async () => {
    const folders = [folder.path, ...searchPath];
    program('chrt', 'exit 1');
    expect((await detectGuards(folders)).on).toEqual(['dies-with-server', 'resource-limits']);
    program('prlimit', 'echo "prlimit: unrecognized option" >&2; exit 1');
    expect((await detectGuards(folders)).on).toEqual(['dies-with-server']);
    const { on, command } = await detectGuards([folder.path]);
    expect(on).toEqual([]);
    expect(command('/bin/ffmpeg', ['-version'], generous)).toEqual({ program: '/bin/ffmpeg', args: ['-version'] });
  });

  it('do not pass for a tool that failed: a tool that is not there any more rejects', async () => {
    program('ffmpeg', 'echo ffmpeg version 1');
    transcoder = await createFfmpegTranscoder({ ffmpegPath: join(folder.path, 'ffmpeg'), searchPath });
    folder.remove();
    await expect(transcoder.run('ffmpeg', ['-version'], generous)).rejects.toThrow('could not be started');
  });
});

it('asks for no more than this process may have', async () => {
  const source = `
    import { detectGuards } from ${JSON.stringify(fileURLToPath(new URL('tool-guard.ts', import.meta.url)))};
    const { on, command } = await detectGuards(${JSON.stringify(searchPath)});
    process.stdout.write(JSON.stringify({ on, ...command('/bin/true', [], { timeoutMs: 1000, maxOutputBytes: 1 }) }));`;
  const args = ['--fsize=1000000', process.execPath, '--input-type=module', '--eval', source];
  const child = spawn('prlimit', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  const { on, args: all } = JSON.parse(text);
  expect(on).toContain('resource-limits');
  expect(all).toContain('--fsize=1000000');
});
