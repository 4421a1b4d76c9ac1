/** One run of a tool: what it says is gathered within bounds, it is killed at its limits, and how it ended is told. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { ToolEnd, ToolLimits, ToolResult } from '../ports/index.ts';

const stderrTailBytes = 4 * 1024;
const longestLineBytes = 4 * 1024;

/** Follows a tool until it is gone. Rejects if the program could not be started. */
export async function supervise(child: ChildProcess, limits: ToolLimits): Promise<ToolResult> {
  let killedFor: ToolEnd | undefined;
  const kill = (why: ToolEnd): void => {
    killedFor ??= why;
    child.kill('SIGKILL');
  };
  const onAbort = (): void => kill('aborted');
  const timer = setTimeout(() => kill('timeout'), limits.timeoutMs);
  const output: Buffer[] = [];
  let outputBytes = 0;
  let stderr = Buffer.alloc(0);
  let line = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    outputBytes += chunk.length;
    if (outputBytes > limits.maxOutputBytes) {
      kill('output-limit');
      return;
    }
    if (limits.onLine === undefined) {
      output.push(chunk);
      return;
    }
    const lines = (line + chunk.toString('utf8')).split('\n');
    line = (lines.pop() ?? '').slice(-longestLineBytes);
    for (const one of lines) limits.onLine(one);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-stderrTailBytes);
  });
  try {
    const closed = once(child, 'close');
    if (limits.signal?.aborted === true) onAbort();
    limits.signal?.addEventListener('abort', onAbort, { once: true });
    // Rejects if the program could not be started.
    await closed;
    const stderrTail = stderr.toString('utf8');
    const end = killedFor ?? endOf(child, stderrTail);
    return {
      end,
      exitCode: killedFor === undefined ? child.exitCode : null,
      stdout: Buffer.concat(output),
      stderrTail,
    };
  } finally {
    clearTimeout(timer);
    limits.signal?.removeEventListener('abort', onAbort);
  }
}

/** How ffmpeg, its libraries and the languages that they are written in say that they got no memory. */
const noMemory =
  /Cannot allocate memory|malloc of size \d+ failed|std::bad_alloc|Failed to allocate|out of memory|failed to map segment/i;

/** How a tool ended that this process did not kill. */
function endOf({ exitCode, signalCode }: ChildProcess, stderrTail: string): ToolEnd {
  if (signalCode === 'SIGXFSZ') return 'file-limit';
  if (signalCode === 'SIGXCPU') return 'timeout';
  return exitCode !== 0 && noMemory.test(stderrTail) ? 'memory' : 'exit';
}
