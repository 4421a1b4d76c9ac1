import { expect, it } from 'vitest';
import { help, readArguments } from './arguments.ts';

it('are the number of processes, 2 and 1 without them', () => {
  expect(readArguments([])).toEqual({ help: false, apis: 2, workers: 1 });
  expect(readArguments(['--apis', '3', '--workers=2'])).toEqual({ help: false, apis: 3, workers: 2 });
});

it('that are not understood are named', () => {
  expect(() => readArguments(['--api', '3'])).toThrow(/^--api is not understood/);
  for (const wrong of ['0', '-1', '16', '2x', '', '1e1']) {
    expect(() => readArguments(['--apis', wrong])).toThrow(
      `--apis must be a whole number from 1 to 15, not "${wrong}"`,
    );
  }
  expect(() => readArguments(['--workers'])).toThrow(/--workers must be/);
});

it('ask for help, which names them all', () => {
  expect(readArguments(['--help']).help).toBe(true);
  expect(readArguments(['-h']).help).toBe(true);
  expect(help).toMatch(/--apis N[\s\S]*--workers N/);
});
