import { DomainError } from '@tiktok-server/contract';

/** Counts what is under way, in all and per key, and says no beyond the bounds. */
export interface Slots {
  /** Takes a place; call the result once to give it back. */
  take(): () => void;
  /** At most `most` of one key at once. */
  takeFor(key: string, most: number): () => void;
  /** Places that are taken. */
  taken(): number;
}

/** What is said where there is no place left: of all, and of one key that may have `most`. */
export type Refusals = { readonly all: () => DomainError; readonly one: (most: number) => DomainError };

const busy = (en: string, zh: string): DomainError =>
  new DomainError('ErrTooManyRequests', { detail: { en, zh }, retryAfterSeconds: 5 });
const ofUploads: Refusals = {
  all: () => busy('too many uploads are under way on this server', '服务器上同时进行的上传过多'),
  one: (most) => busy(`at most ${most} uploads at once`, `最多同时上传 ${most} 个文件`),
};

export function createSlots(bounds: { readonly total: number }, refusals = ofUploads): Slots {
  let total = 0;
  const perKey = new Map<string, number>();
  return {
    take: () => {
      if (total >= bounds.total) throw refusals.all();
      total += 1;
      return once(() => {
        total -= 1;
      });
    },
    takeFor: (key, most) => {
      const taken = perKey.get(key) ?? 0;
      if (taken >= most) throw refusals.one(most);
      perKey.set(key, taken + 1);
      return once(() => {
        const left = (perKey.get(key) ?? 1) - 1;
        if (left <= 0) perKey.delete(key);
        else perKey.set(key, left);
      });
    },
    taken: () => total,
  };
}

/** `work`, which is done the first time only. */
export function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    work();
  };
}
