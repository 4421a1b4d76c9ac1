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

export function createSlots(bounds: { readonly total: number }): Slots {
  let total = 0;
  const perKey = new Map<string, number>();
  const busy = (en: string, zh: string): DomainError =>
    new DomainError('ErrTooManyRequests', { detail: { en, zh }, retryAfterSeconds: 5 });
  return {
    take: () => {
      if (total >= bounds.total) {
        throw busy('too many uploads are under way on this server', '服务器上同时进行的上传过多');
      }
      total += 1;
      return once(() => {
        total -= 1;
      });
    },
    takeFor: (key, most) => {
      const taken = perKey.get(key) ?? 0;
      if (taken >= most) {
        throw busy(`at most ${most} uploads at once`, `最多同时上传 ${most} 个文件`);
      }
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

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    work();
  };
}
