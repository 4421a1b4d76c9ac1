/**
 * Reading, in four steps with one place each: ids (a store's keyset query or the cached head of the feed) → facts in
 * batches (`facts.ts`: the cache, then one query per noun) → rules (`rules.ts`: what this viewer may see, pure) →
 * presentation (`present.ts`: the objects of the contract, pure). The cache is used here and nowhere else. What depends
 * on the viewer (likes, follows) is never part of a cached object: it is read beside, and applied after the cache.
 */
export * from './cached-loader.ts';
export * from './comment-head.ts';
export * from './facts.ts';
export * from './families.ts';
export * from './feed-head.ts';
export * from './former-files.ts';
export * from './pages.ts';
export * from './present.ts';
export * from './rules.ts';
