import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError } from './parse.ts';
import { settings } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings as they were given: a file (`CONFIG_FILE`, else `.env` in the working directory if there is one) below the
 * environment, which wins. In the file every name must be a setting, since a misspelled one would be ignored in silence.
 */
export function readEnvironment(workingDirectory = process.cwd(), environment: Environment = process.env): Environment {
  const named = environment['CONFIG_FILE'];
  const path = resolve(workingDirectory, named === undefined || named === '' ? '.env' : named);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (named === undefined || named === '') return environment;
    throw new ConfigError('CONFIG_FILE', `the file ${path} cannot be read`, { cause });
  }
  const fromFile: Environment = parseEnv(text);
  for (const name of Object.keys(fromFile)) {
    if (Object.hasOwn(settings, name)) continue;
    throw new ConfigError(name, `is not a setting (in ${path}); did you mean ${nearest(name)}?`);
  }
  return { ...fromFile, ...environment };
}

function nearest(name: string): string {
  const scored = Object.keys(settings).map((known) => ({ known, distance: editDistance(name.toUpperCase(), known) }));
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
