/** Work that follows a commit: the registry of jobs, the writer that enqueues them, the relay and the workers. */
export * from './blob-jobs.ts';
export * from './blob-owner.ts';
export * from './promotion.ts';
export * from './registry.ts';
export * from './runner.ts';
export * from './writer.ts';
