/** The only SQL: one file per noun, functions that take the reader or the transaction as their first argument. */
export * as blobAuditStore from './blob-audit.store.ts';
export * as commentStore from './comment.store.ts';
export * as fileOwnerStore from './file-owner.store.ts';
export * as followStore from './follow.store.ts';
export * as likeStore from './like.store.ts';
export * as messageStore from './message.store.ts';
export * as metaStore from './meta.store.ts';
export * as outboxStore from './outbox.store.ts';
export * as processStore from './process.store.ts';
export * as uploadStore from './upload.store.ts';
export * as userStore from './user.store.ts';
export * as videoStore from './video.store.ts';
export * as videoStatusStore from './video-status.store.ts';
