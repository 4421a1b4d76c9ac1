/** Interfaces of what can be replaced: each has an embedded adapter and room for a production one. No code, no I/O. */
export * from './blob-store.ts';
export * from './cache.ts';
export * from './clock.ts';
export * from './dead-letters.ts';
export * from './id-source.ts';
export * from './metrics.ts';
export * from './partial-uploads.ts';
export * from './profiler.ts';
export * from './queue.ts';
export * from './rate-limiter.ts';
export * from './request-log.ts';
export * from './tracer.ts';
export * from './transcoder.ts';
