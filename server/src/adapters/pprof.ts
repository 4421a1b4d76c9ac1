import type { Profiler, Runtime } from 'node:inspector';
import { fileURLToPath } from 'node:url';
import { Function as Code, Line, Location, Profile, Sample, StringTable, ValueType } from 'pprof-format';

/**
 * V8's profiles as pprof's (https://github.com/google/pprof/blob/main/proto/profile.proto). Each function is one location, at
 * the line where it begins.
 */
const nanosecondsPerMicrosecond = 1_000;
/** A thread that waits uses no processor. */
const idle = '(idle)';
const root = '(root)';

/** V8's own, with two fields that Node's types leave out. */
type HeapNode = {
  readonly id?: number;
  readonly callFrame: Runtime.CallFrame;
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
};
type HeapProfile = { readonly head: HeapNode; readonly samples?: readonly { readonly nodeId: number }[] };

/** Values: how many samples, and nanoseconds. */
export function cpuPprof(profile: Profiler.Profile, takenAtMs: number, periodMicroseconds: number): Profile {
  const pprof = new PprofBuilder([
    ['samples', 'count'],
    ['cpu', 'nanoseconds'],
  ]);
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const node of profile.nodes) for (const child of node.children ?? []) parents.set(child, node.id);
  const { samples = [], timeDeltas = [] } = profile;
  const totals = new Map<number, { count: number; microseconds: number }>();
  samples.forEach((id, position) => {
    const total = totals.get(id) ?? { count: 0, microseconds: 0 };
    total.count += 1;
    // A delta is the time since the sample before: what this one stands for lasts until the next.
    total.microseconds += Math.max(0, timeDeltas[position + 1] ?? periodMicroseconds);
    totals.set(id, total);
  });
  for (const [id, { count, microseconds }] of totals) {
    const stack: Runtime.CallFrame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = nodes.get(at)?.callFrame;
      if (frame !== undefined) stack.push(frame);
    }
    if (stack[0]?.functionName === idle) continue;
    pprof.add(stack, [count, microseconds * nanosecondsPerMicrosecond]);
  }
  return pprof.finish({
    takenAtMs,
    durationMicroseconds: profile.endTime - profile.startTime,
    period: ['cpu', 'nanoseconds', periodMicroseconds * nanosecondsPerMicrosecond],
  });
}

/**
 * Values: objects and bytes that are alive. Bytes are scaled up by V8 from its samples; objects are the samples themselves,
 * since V8 does not say how many others each stands for.
 */
export function heapPprof({ head, samples = [] }: HeapProfile, takenAtMs: number, intervalBytes: number): Profile {
  const pprof = new PprofBuilder([
    ['inuse_objects', 'count'],
    ['inuse_space', 'bytes'],
  ]);
  const objects = new Map<number, number>();
  for (const { nodeId } of samples) objects.set(nodeId, (objects.get(nodeId) ?? 0) + 1);
  type Open = { readonly node: HeapNode; readonly callers: readonly Runtime.CallFrame[] };
  const open: Open[] = [{ node: head, callers: [] }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const stack = [next.node.callFrame, ...next.callers];
    if (next.node.selfSize > 0) pprof.add(stack, [objects.get(next.node.id ?? 0) ?? 0, next.node.selfSize]);
    for (const node of next.node.children) open.push({ node, callers: stack });
  }
  return pprof.finish({ takenAtMs, durationMicroseconds: 0, period: ['space', 'bytes', intervalBytes] });
}

class PprofBuilder {
  readonly #strings = new StringTable();
  readonly #types: ValueType[];
  readonly #codes: Code[] = [];
  readonly #locations: Location[] = [];
  readonly #ids = new Map<string, number>();
  readonly #samples: Sample[] = [];

  constructor(types: readonly (readonly [string, string])[]) {
    this.#types = types.map(([type, unit]) => this.#valueType(type, unit));
  }

  /** `stack` from the innermost call outwards. */
  add(stack: readonly Runtime.CallFrame[], value: number[]): void {
    const locationId = stack
      .filter(({ functionName }) => functionName !== root)
      .map((frame) => this.#locationOf(frame));
    this.#samples.push(new Sample({ locationId, value }));
  }

  finish(about: {
    readonly takenAtMs: number;
    readonly durationMicroseconds: number;
    readonly period: readonly [string, string, number];
  }): Profile {
    const [type, unit, period] = about.period;
    return new Profile({
      sampleType: this.#types,
      sample: this.#samples,
      location: this.#locations,
      function: this.#codes,
      stringTable: this.#strings,
      timeNanos: BigInt(about.takenAtMs) * 1_000_000n,
      durationNanos: about.durationMicroseconds * nanosecondsPerMicrosecond,
      periodType: this.#valueType(type, unit),
      period,
    });
  }

  #valueType(type: string, unit: string): ValueType {
    return new ValueType({ type: this.#strings.dedup(type), unit: this.#strings.dedup(unit) });
  }

  #locationOf({ functionName, url, lineNumber, columnNumber }: Runtime.CallFrame): number {
    const key = `${functionName}\n${url}\n${lineNumber}\n${columnNumber}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#ids.size + 1;
    this.#ids.set(key, id);
    const name = this.#strings.dedup(functionName === '' ? '(anonymous)' : functionName);
    const filename = this.#strings.dedup(url.startsWith('file:') ? fileURLToPath(url) : url);
    // V8 counts lines from 0, and says -1 of what has none.
    const line = Math.max(0, lineNumber + 1);
    this.#codes.push(new Code({ id, name, systemName: name, filename, startLine: line }));
    this.#locations.push(new Location({ id, line: [new Line({ functionId: id, line })] }));
    return id;
  }
}
