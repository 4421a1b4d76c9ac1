/** What a run must not leave behind: its folders and its processes. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A server that was asked to stop gets this long. */
const stopTimeoutMs = 30_000;

export class Resources implements AsyncDisposable {
  readonly #children = new Set<ChildProcess>();
  readonly #parts = new Set<Resources>();
  readonly #whole: Resources | undefined;
  readonly #root: string;

  constructor(whole?: Resources) {
    this.#whole = whole;
    this.#root = mkdtempSync(join(whole?.root ?? tmpdir(), 'tiktok-server-bench-'));
  }

  /** The folder of this run, where all of its files lie. */
  get root(): string {
    return this.#root;
  }

  /** The folder of the whole run, if this is a part of one: what several parts use is made there once. */
  get sharedRoot(): string {
    return this.#whole?.sharedRoot ?? this.#root;
  }

  /** Resources that end before these do. */
  part(): Resources {
    const part = new Resources(this);
    this.#parts.add(part);
    return part;
  }

  folder(name: string): string {
    return mkdtempSync(join(this.#root, `${name}-`));
  }

  /** Starts a program that ends with the run at the latest. */
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    const child = spawn(command, args, options);
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    child.once('error', () => this.#children.delete(child));
    return child;
  }

  /** For the way out, where nothing can be waited for. */
  removeNow(): void {
    for (const part of this.#parts) part.removeNow();
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children].map((child) => stopProcess(child)));
    this.removeNow();
    if (this.#whole !== undefined) this.#whole.#parts.delete(this);
  }
}

/** Asks a process to end, and ends it if it does not. Rejects if it had to be ended. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, stopTimeoutMs);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(timer);
  if (late) throw new Error(`a process did not stop within ${stopTimeoutMs / 1000} s`);
}

/** Looks again and again until `look` returns something; rejects after `timeoutMs`. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  everyMs: number,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
