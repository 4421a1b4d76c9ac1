/** What every source of ids must do. A node is a process that makes ids beside others. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createManualClock } from '../../test/manual-clock.ts';
import type { Clock } from './clock.ts';
import type { IdSource } from './id-source.ts';

export type MakeIdSource = (options: { readonly clock: Clock; readonly node: number }) => IdSource;

const anyStep = fc.record({ afterMs: fc.integer({ min: -50, max: 50 }), ids: fc.integer({ min: 1, max: 600 }) });

export function idSourceConformance(makeIdSource: MakeIdSource, nodes: readonly [number, number]): void {
  it('makes whole numbers from 1 that are exact as JSON numbers', () => {
    const ids = makeIdSource({ clock: createManualClock(), node: nodes[0] });
    for (let count = 0; count < 1_000; count += 1) {
      const id = ids.next();
      expect(Number.isSafeInteger(id) && id >= 1).toBe(true);
      expect(JSON.parse(JSON.stringify(id))).toBe(id);
    }
  });

  it('makes strictly larger ones, however many are wanted at once, also when the clock goes back', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 10 }), (steps) => {
        const clock = createManualClock();
        const ids = makeIdSource({ clock, node: nodes[0] });
        let last = 0;
        for (const { afterMs, ids: wanted } of steps) {
          clock.advance(afterMs);
          for (let count = 0; count < wanted; count += 1) {
            const id = ids.next();
            if (id <= last) return false;
            last = id;
          }
        }
        return true;
      }),
      { numRuns: 50 },
    );
  });

  it('makes different ones on two nodes at the same moment', () => {
    const clock = createManualClock();
    const [one, other] = nodes.map((node) => makeIdSource({ clock, node }));
    const made = new Set<number | undefined>();
    for (let count = 0; count < 1_000; count += 1) made.add(one?.next()).add(other?.next());
    expect(made.size).toBe(2_000);
  });

  it('orders by time whichever node made them', () => {
    const clock = createManualClock();
    const sources = nodes.map((node) => makeIdSource({ clock, node }));
    const made: number[] = [];
    for (const position of [0, 1, 1, 0, 0, 1, 0]) {
      made.push(sources[position]?.next() ?? 0);
      clock.advance(1);
    }
    expect(made).toEqual(made.toSorted((one, other) => one - other));
    expect(new Set(made).size).toBe(made.length);
  });

  it('goes on past an id that is stored, and is not set back by an older one', () => {
    const clock = createManualClock();
    const before = makeIdSource({ clock, node: nodes[0] });
    const old = before.next();
    clock.advance(3_600_000);
    const stored = before.next();
    clock.advance(-3_600_000);
    for (const node of nodes) {
      const ids = makeIdSource({ clock, node });
      ids.advancePast(stored);
      ids.advancePast(old);
      ids.advancePast(0);
      let last = stored;
      for (let count = 0; count < 600; count += 1) {
        const id = ids.next();
        expect(id).toBeGreaterThan(last);
        last = id;
      }
    }
  });
}
