import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError, helpText, readEnvironment, settings } from './index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);

function refusal(environment: Readonly<Record<string, string>>): string {
  try {
    readEnvironment(folder, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('was accepted');
}

describe('the file of settings', () => {
  test('need not be there', () => {
    expect(readEnvironment(folder, { PORT: '1' })).toEqual({ PORT: '1' });
  });

  test('is .env in the working directory, below the environment', () => {
    write('.env', '# comment\nPORT=1\nLOG_FILE="a b.log" # why\nexport DEMO=off\n\n');
    expect(readEnvironment(folder, { PORT: '2', PATH: '/bin' })).toEqual({
      PORT: '2',
      PATH: '/bin',
      LOG_FILE: 'a b.log',
      DEMO: 'off',
    });
  });

  test('is the one that CONFIG_FILE names, relative to the working directory, and then .env does not count', () => {
    write('.env', 'PORT=1\n');
    write('site.conf', 'HOST=::1\n');
    expect(readEnvironment(folder, { CONFIG_FILE: 'site.conf' })).toEqual({ CONFIG_FILE: 'site.conf', HOST: '::1' });
  });

  test('must be there if it is named', () => {
    expect(refusal({ CONFIG_FILE: 'gone.conf' })).toMatch(
      /^CONFIG_FILE must be a file that can be read, .*gone.conf.*ENOENT/,
    );
    expect(refusal({ CONFIG_FILE: '.' })).toMatch(/^CONFIG_FILE .*EISDIR/);
  });

  test('is not passed over in silence if it is there and cannot be read', () => {
    mkdirSync(join(folder, '.env'));
    expect(refusal({})).toMatch(/\.env is there but cannot be read \(EISDIR\)/);
  });

  test('with a name that is no setting stops the start, naming it and the nearest one', () => {
    write('.env', 'PROT=1\n');
    expect(refusal({})).toMatch(/^PROT in \S+\.env is not a setting; did you mean PORT\?$/);
    write('.env', 'log_levle=info\n');
    expect(refusal({})).toMatch(/^log_levle .*did you mean LOG_LEVEL\?$/);
    write('.env', 'CONFIG_FILE=x\n');
    expect(refusal({})).toMatch(/^CONFIG_FILE .*can only be given by the environment$/);
    write('.env', `${'X'.repeat(100_000)}=1\n`);
    expect(refusal({}).length).toBeLessThan(300);
  });
});

test('the help names every setting with its default', () => {
  const help = helpText();
  for (const [name, setting] of Object.entries(settings)) {
    expect(help).toMatch(new RegExp(`^  ${name}${setting.default === '' ? '' : ' \\('}`, 'm'));
  }
  expect(help).toContain('CONFIG_FILE');
  expect(help).not.toContain('`');
  expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThan(140);
});
