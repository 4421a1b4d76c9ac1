import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError, shown } from './config-error.ts';
import { configFileVariable, settings } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings as they were given: a file (`CONFIG_FILE`, which then must exist, else `.env` in the working directory if
 * there is one) below the environment, which wins. In the file every name must be a setting, since a misspelled one would
 * be ignored in silence.
 */
export function readEnvironment(workingDirectory = process.cwd(), environment: Environment = process.env): Environment {
  const named = environment[configFileVariable]?.trim() ?? '';
  const path = resolve(workingDirectory, named === '' ? '.env' : named);
  const text = readSettingsFile(path, named !== '');
  if (text === undefined) return environment;
  const fromFile: Environment = parseEnv(text);
  for (const name of Object.keys(fromFile)) {
    if (Object.hasOwn(settings, name)) continue;
    const hint =
      name === configFileVariable ? 'it can only be given by the environment' : `did you mean ${nearest(name)}?`;
    throw new ConfigError(name.slice(0, nameMaxCharacters), `in ${path} is not a setting; ${hint}`);
  }
  return { ...fromFile, ...environment };
}

const nameMaxCharacters = 80;

/** The text of the file, or `undefined` if it is not there and need not be. */
function readSettingsFile(path: string, mustExist: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    if (!mustExist && code === 'ENOENT') return undefined;
    if (mustExist)
      throw new ConfigError(configFileVariable, `must be a file that can be read, not ${shown(path)} (${code})`, {
        cause,
      });
    throw new ConfigError(
      path,
      `is there but cannot be read (${code}); make it readable, or name another file in ${configFileVariable}`,
      { cause },
    );
  }
}

function nearest(name: string): string {
  const wanted = name.slice(0, nameMaxCharacters).toUpperCase();
  const scored = Object.keys(settings).map((known) => ({ known, distance: editDistance(wanted, known) }));
  return scored.sort((a, b) => a.distance - b.distance)[0]?.known ?? '';
}

/** Levenshtein distance, by rows. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
