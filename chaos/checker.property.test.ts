/**
 * A model of the site that is simply a set: whatever runs on it is consistent, and the checker has to say so, however
 * operations overlap; and to notice every lie that is told about it when they do not.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { judgeReads } from './checker.ts';
import type { Effect, Observation, Operation } from './history.ts';
import {
  commentEffect,
  commentsOn,
  followEffect,
  followRegister,
  likedBy,
  likeEffect,
  userCount,
  videoCount,
} from './site.ts';
import { done, lost, read, refused, write } from './test/histories.ts';

const users = [1, 2, 3];
const videos = [
  { id: 8, authorId: 1 },
  { id: 9, authorId: 2 },
];
const user = fc.constantFrom(...users);
const video = fc.constantFrom(...videos);
const value = fc.boolean();
const effect: fc.Arbitrary<Effect> = fc.oneof(
  fc.tuple(user, video, value).map(([id, one, on]) => likeEffect(id, one, on)),
  fc.tuple(user, user, value).map(([id, other, on]) => followEffect(id, other, on)),
  fc.tuple(video, fc.constantFrom('a', 'b', 'c'), value).map(([one, text, on]) => {
    return commentEffect(one.id, `${text} on ${one.id}`, on);
  }),
);

/** The site as a set of what is true. */
class Model {
  readonly #true = new Set<string>();
  readonly #counters = new Map<string, Set<string>>();
  readonly #lists = new Map<string, Set<string>>();

  apply({ register, value: on, counters, lists }: Effect): void {
    for (const [map, names] of [
      [this.#counters, counters],
      [this.#lists, lists],
    ] as const) {
      for (const name of names) map.set(name, (map.get(name) ?? new Set()).add(register));
    }
    if (on) this.#true.add(register);
    else this.#true.delete(register);
  }

  #among(map: ReadonlyMap<string, ReadonlySet<string>>, name: string): string[] {
    return [...(map.get(name) ?? [])].filter((register) => this.#true.has(register));
  }

  flag = (register: string): Observation => ({ is: 'flag', register, value: this.#true.has(register) });
  count = (counter: string): Observation => ({
    is: 'count',
    counter,
    value: this.#among(this.#counters, counter).length,
  });
  list = (list: string): Observation => ({
    is: 'list',
    list,
    members: this.#among(this.#lists, list),
    complete: true,
    inOrder: false,
  });
  both = (one: number, other: number): Observation => {
    const registers = [followRegister(one, other), followRegister(other, one)] as const;
    return { is: 'both', registers, value: registers.every((register) => this.#true.has(register)) };
  };

  /** Everything that can be seen of it. */
  seen(): Observation[] {
    return [
      ...users.flatMap((id) => [
        this.count(userCount('favorite_count', id)),
        this.count(userCount('total_favorited', id)),
        this.count(userCount('follower_count', id)),
        this.list(likedBy(id)),
        this.both(id, 1),
        this.flag(followRegister(id, 2)),
      ]),
      ...videos.flatMap(({ id }) => [
        this.count(videoCount('favorite_count', id)),
        this.count(videoCount('comment_count', id)),
        this.list(commentsOn(id)),
      ]),
    ];
  }
}

const stepMs = 100;
type Step = {
  readonly effect: Effect | undefined;
  readonly outcome: 'done' | 'lost' | 'lost and not done' | 'failed' | 'refused';
  readonly beforeMs: number;
  readonly afterMs: number;
};

const step = (widestMs: number): fc.Arbitrary<Step> =>
  fc.record({
    effect: fc.option(effect, { nil: undefined }),
    outcome: fc.constantFrom('done', 'done', 'done', 'lost', 'lost and not done', 'failed', 'refused'),
    beforeMs: fc.integer({ min: 1, max: widestMs }),
    afterMs: fc.integer({ min: 1, max: widestMs }),
  });

/** Each step happens at one moment of its own, somewhere between its start and its end. */
function run(steps: readonly Step[]): Operation[] {
  const model = new Model();
  return steps.map(({ effect: wanted, outcome, beforeMs, afterMs }, i) => {
    const at = (i + 1) * stepMs;
    const times = [at - beforeMs, at + afterMs] as const;
    if (wanted === undefined) return read(times, ...model.seen());
    const happens = outcome === 'done' || outcome === 'lost';
    if (happens) model.apply(wanted);
    if (outcome === 'done') return write(wanted, times, done);
    if (outcome === 'refused') return write(wanted, times, refused(200, 110201));
    return write(wanted, times, outcome === 'failed' ? refused(503, 100101) : lost);
  });
}

it('accepts whatever a set could have shown, however operations overlap', () => {
  fc.assert(
    fc.property(fc.array(step(stepMs * 5), { maxLength: 40 }), (steps) => {
      expect(judgeReads(run(steps))).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

/** Another answer than the true one. */
function lie(seen: Observation, by: number): Observation {
  switch (seen.is) {
    case 'flag':
    case 'both':
      return { ...seen, value: !seen.value };
    case 'count':
      return { ...seen, value: seen.value + (by % 2 === 0 ? 1 : -1) };
    case 'list': {
      const { members } = seen;
      if (members.length === 0) return { ...seen, members: ['comment "from nowhere"'] };
      const at = by % members.length;
      return { ...seen, members: by % 2 === 0 ? members.filter((_, i) => i !== at) : [...members, members[at] ?? ''] };
    }
    case 'latest':
      return seen;
  }
}

it('notices every lie about a set when operations do not overlap and all are answered', () => {
  const answered = step(stepMs / 2 - 1).map((one): Step => ({ ...one, outcome: 'done' }));
  fc.assert(
    fc.property(
      fc.array(answered, { minLength: 1, maxLength: 30 }),
      fc.nat(),
      fc.nat(),
      (steps, whichObservation, by) => {
        const operations = run([...steps, { effect: undefined, outcome: 'done', beforeMs: 1, afterMs: 1 }]);
        const last = operations.pop();
        const seen = [...(last?.seen ?? [])];
        const at = whichObservation % seen.length;
        const told = seen[at];
        if (last === undefined || told === undefined) throw new Error('there is always a last read');
        seen[at] = lie(told, by);
        expect(judgeReads([...operations, { ...last, seen }])).toHaveLength(1);
      },
    ),
    { numRuns: 300 },
  );
});

it('notices a read of the state before the last write that changed something, and how old it is', () => {
  fc.assert(
    fc.property(
      fc.array(effect, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 10_000 }),
      (effects, waitMs) => {
        const model = new Model();
        const writes = effects.map((one, i) => write(one, [i * stepMs, i * stepMs + 10]));
        const [last] = effects.slice(-1);
        for (const one of effects.slice(0, -1)) model.apply(one);
        if (last === undefined) return;
        const before = model.flag(last.register);
        model.apply(last);
        const now = model.flag(last.register);
        const endMs = (effects.length - 1) * stepMs + 10;
        const findings = judgeReads([...writes, read([endMs + waitMs, endMs + waitMs + 5], before)]);
        const changed = JSON.stringify(before) !== JSON.stringify(now);
        expect(findings.map(({ rule }) => rule)).toEqual(changed ? ['stale'] : []);
        if (changed) expect(findings[0]?.ageMs).toBe(waitMs);
      },
    ),
  );
});
