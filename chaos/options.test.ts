import { expect, it } from 'vitest';
import { helpText, readOptions } from './options.ts';

it('are a whole run of the production form unless something else is said', () => {
  expect(readOptions(['--seed', '7'])).toEqual({
    mode: 'production',
    calmMs: 2_000,
    seed: 7,
    faults: undefined,
    pairs: 'yes',
    budgetMs: 18 * 60_000,
    clients: 6,
    output: undefined,
    only: 'run',
  });
  expect(readOptions(['--embedded', '--faults', 'a, b', '--pairs', 'no', '--seconds=0.5'])).toMatchObject({
    mode: 'embedded',
    faults: ['a', 'b'],
    pairs: 'no',
    calmMs: 500,
  });
});

it('make up a seed where none is given', () => {
  expect(readOptions([]).seed).toBeGreaterThanOrEqual(0);
});

it('that are not understood are named', () => {
  expect(() => readOptions(['--pairs', 'some'])).toThrow('--pairs takes yes, no or only');
  for (const text of ['', 'x', '-1', '1e9'])
    expect(() => readOptions([`--seconds=${text}`])).toThrow('--seconds takes');
  expect(() => readOptions(['--fault', 'a'])).toThrow(/--fault/);
});

it('are all in the help', () => {
  for (const name of [
    'embedded',
    'seconds',
    'seed',
    'faults',
    'pairs',
    'clients',
    'minutes',
    'output',
    'logs',
    'list',
    'help',
  ]) {
    expect(helpText).toContain(`--${name}`);
  }
});
