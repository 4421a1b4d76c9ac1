/** What chaos is done to: the processes of a site, and how its tables are looked at from beside them. */
import { Agent } from 'node:http';
import type { BucketAddress } from '../engines/index.ts';
import type { Api } from './client.ts';
import type { Random } from './random.ts';
import type { ServerProcess } from './server-process.ts';
import type { TableReader } from './tables.ts';
import type { Tolerance } from './verdict.ts';

export type System = {
  readonly mode: 'embedded' | 'production';
  /** Those that answer requests. */
  readonly apis: readonly Api[];
  readonly processes: readonly ServerProcess[];
  readonly tables: TableReader;
  /** Where its files are; undefined: below the folder of its one process. */
  readonly bucket: BucketAddress | undefined;
  /** Every fault that can be done to it. */
  readonly faults: readonly Fault[];
  /** What it is made of, for the report: name and version. */
  readonly versions: Readonly<Record<string, string>>;
  /** Stops and removes everything. */
  close(): Promise<void>;
  /** The same for the way out, where nothing can be waited for. */
  closeNow(): void;
};

export type Fault = {
  readonly name: string;
  readonly title: string;
  /** How long it stays on, at least and at most. */
  readonly lastsMs: readonly [number, number];
  readonly tolerance: Tolerance;
  /** Resolves when it is on. */
  readonly begin: (scene: Scene) => Promise<Ongoing>;
};

/** A fault that is on. */
export type Ongoing = {
  /** Resolves when everything that was broken is back. */
  readonly end: () => Promise<void>;
  /** What it excuses, where that is known only now. */
  readonly tolerance?: Tolerance;
};

/** A fault of any system that has these parts. */
export type FaultOf<P> = Omit<Fault, 'begin'> & { readonly begin: (parts: P, scene: Scene) => Promise<Ongoing> };

export const bindFaults = <P>(faults: readonly FaultOf<P>[], parts: P): Fault[] =>
  faults.map((fault) => ({ ...fault, begin: (scene) => fault.begin(parts, scene) }));

/** What a fault may use of the scenario that it happens in. */
export type Scene = {
  readonly random: Random;
  /** Somebody publishes a video of some 16 MB through this process; resolves with the answer. */
  readonly upload: (api: Api) => Promise<void>;
};

/** Connections of the load to one process at most; as many requests wait for nothing else. */
const maxSockets = 64;

/** The connections are kept, as those of a reverse proxy are. */
export const newApi = (name: string, port: number): Api => ({
  name,
  url: `http://127.0.0.1:${port}`,
  agent: new Agent({ keepAlive: true, maxSockets }),
});

const never = (): boolean => false;
/** Nobody notices, but for the time that it takes. */
export const unnoticed: Tolerance = {
  refused: never,
  unanswered: never,
  refusalMaxMs: () => 0,
  staleMaxMs: 0,
  delaysJobs: false,
};
