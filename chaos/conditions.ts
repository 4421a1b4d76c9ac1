/** What a run happened on, and with. */
import { loadavg, release, type } from 'node:os';
import { describeCommit, describeMachine } from '../bench/machine.ts';

export function readConditions(versions: Readonly<Record<string, string>>): Record<string, string> {
  const [load = 0] = loadavg();
  return {
    commit: describeCommit(),
    machine: describeMachine(),
    'load before (1 minute)': load.toFixed(2),
    system: `${type()} ${release()}`,
    Node: process.version,
    ...versions,
  };
}
