import type { Session } from 'node:inspector/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Profile } from 'pprof-format';
import { type Profiler, ProfilerBusyError } from '../ports/index.ts';

/** How often the call stack is looked at while a profile is taken. */
const cpuIntervalMicroseconds = 1_000;
/** One allocation in so many bytes is remembered: what V8 and Go take by default, and what cannot be measured here. */
const heapIntervalBytes = 512 * 1024;

/**
 * Profiles of this process by V8's own sampling. Memory is sampled from the beginning, since what was taken before cannot be
 * told afterwards; the call stack only while somebody waits for a profile.
 */
export async function createV8Profiler(): Promise<Profiler> {
  const { Session } = await import('node:inspector/promises');
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.startSampling', { samplingInterval: heapIntervalBytes });
  let busy = false;
  return {
    cpu: async (seconds, signal) => {
      if (busy) throw new ProfilerBusyError('a CPU profile is being taken already');
      busy = true;
      try {
        return await takeCpu(session, seconds, signal);
      } finally {
        busy = false;
      }
    },
    heap: async () => {
      const { heapPprof } = await import('./pprof.ts');
      const { profile } = await session.post('HeapProfiler.getSamplingProfile');
      return await packed(heapPprof(profile, Date.now(), heapIntervalBytes));
    },
    close: async () => session.disconnect(),
  };
}

async function takeCpu(session: Session, seconds: number, signal: AbortSignal): Promise<Uint8Array> {
  const { cpuPprof } = await import('./pprof.ts');
  await session.post('Profiler.enable');
  try {
    await session.post('Profiler.setSamplingInterval', { interval: cpuIntervalMicroseconds });
    const takenAtMs = Date.now();
    await session.post('Profiler.start');
    await pause(seconds * 1_000, signal);
    const { profile } = await session.post('Profiler.stop');
    return await packed(cpuPprof(profile, takenAtMs, cpuIntervalMicroseconds));
  } finally {
    await session.post('Profiler.disable');
  }
}

async function pause(forMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, forMs);
    signal.addEventListener('abort', end);
  });
}

const packed = async (profile: Profile): Promise<Uint8Array> => await promisify(gzip)(profile.encode());
