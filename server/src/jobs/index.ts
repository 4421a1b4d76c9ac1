/** Work that follows a commit: the registry of jobs, the writer that enqueues them, the relay and the workers. Also the number of a process. */
export * from './audit-desk.ts';
export * from './audit-report.ts';
export * from './audit-words.ts';
export * from './blob-audit.ts';
export * from './blob-jobs.ts';
export * from './blob-owner.ts';
export * from './cache-deletions.ts';
export * from './job-desk.ts';
export * from './node-number.ts';
export * from './owned-files.ts';
export * from './promotion.ts';
export * from './registry.ts';
export * from './runner.ts';
export * from './writer.ts';
