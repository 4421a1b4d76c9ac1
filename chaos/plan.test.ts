import { expect, it } from 'vitest';
import { planScenarios } from './plan.ts';
import { Random } from './random.ts';

const faults = ['a', 'b', 'c', 'd'].map((name) => ({ name }));
const plan = (names: readonly string[] | undefined, pairs: 'no' | 'yes' | 'only', seed = 1): string[] =>
  planScenarios(faults, { names, pairs }, new Random(seed)).map(({ name }) => name);
const sorted = (names: readonly string[]): string[] => names.map((name) => [...name].sort().join('')).sort();

it('is calm first, then each fault alone, then every two together', () => {
  const all = plan(undefined, 'yes');
  expect(all.slice(0, 5)).toEqual(['no fault', 'a', 'b', 'c', 'd']);
  expect(sorted(all.slice(5).map((name) => name.replace(' + ', '')))).toEqual(['ab', 'ac', 'ad', 'bc', 'bd', 'cd']);
  expect(plan(undefined, 'no')).toEqual(['no fault', 'a', 'b', 'c', 'd']);
  expect(plan(undefined, 'only')).toHaveLength(6);
});

it('repeats itself by its seed, and differs by another', () => {
  expect(plan(undefined, 'only', 7)).toEqual(plan(undefined, 'only', 7));
  expect(new Set([1, 2, 3, 4, 5].map((seed) => plan(undefined, 'only', seed).join())).size).toBeGreaterThan(1);
});

it('is of the named faults alone, and refuses a name that nothing has', () => {
  expect(plan(['c', 'a'], 'yes').slice(0, 3)).toEqual(['no fault', 'a', 'c']);
  expect(plan(['c', 'a'], 'yes')).toHaveLength(4);
  expect(() => plan(['e'], 'no')).toThrow('there is no fault named e');
});
