/** Which scenarios a run has: no fault at all, each fault alone, every two of them together. Pure. */
import type { Random } from './random.ts';

export type Planned<F> = { readonly name: string; readonly faults: readonly F[] };

/** Throws a TypeError for a name that no fault has. The order of pairs is random, so that short runs differ. */
export function planScenarios<F extends { readonly name: string }>(
  faults: readonly F[],
  wanted: { readonly names: readonly string[] | undefined; readonly pairs: 'no' | 'yes' | 'only' },
  random: Random,
): Planned<F>[] {
  const unknown = wanted.names?.find((name) => faults.every((fault) => fault.name !== name));
  if (unknown !== undefined) throw new TypeError(`there is no fault named ${unknown}; --list names them`);
  const chosen = faults.filter(({ name }) => wanted.names?.includes(name) ?? true);
  const alone = chosen.map((fault) => ({ name: fault.name, faults: [fault] }));
  const pairs = chosen.flatMap((one, i) =>
    chosen.slice(i + 1).map((other) => {
      const faults = random.chance(0.5) ? [one, other] : [other, one];
      return { name: faults.map(({ name }) => name).join(' + '), faults };
    }),
  );
  const calm = { name: 'no fault', faults: [] };
  return [
    ...(wanted.pairs === 'only' ? [] : [calm, ...alone]),
    ...(wanted.pairs === 'no' ? [] : random.shuffled(pairs)),
  ];
}
