/**
 * The real servers that tests run against. Their addresses are in the environment, set by the run's own set-up or by whoever
 * has servers already. A server that is not there is a failure in continuous integration, and a suite that says by its
 * name that it was not run elsewhere.
 */
import { describe, it } from 'vitest';
import { type EngineName, missingOf } from '../../engines/index.ts';
import { engineVariables } from '../../scripts/test-projects.ts';

export type TestEngine = EngineName;

/** Address of an engine as its setting takes it; of S3, with `http://ACCESS_KEY:SECRET_KEY@HOST:PORT`. */
export const engineUrl = (engine: TestEngine): string | undefined => process.env[engineVariables[engine]];

/** A suite against a real server. */
export function describeEngine(engine: TestEngine, suite: (url: string) => void): void {
  const url = engineUrl(engine);
  if (url !== undefined) describe(`on ${engine}`, () => suite(url));
  else notRun(`there is no ${engine} here (${engineVariables[engine]} is not set)`);
}

/** A suite that starts such servers itself, to do with them what nobody may do with those of the run. */
export function describeOwnEngines(engines: readonly TestEngine[], suite: () => void): void {
  const missing = engines.map(missingOf).find((why) => why !== undefined);
  if (missing === undefined) describe(`with ${engines.join(', ')} of its own`, suite);
  else notRun(missing);
}

/** A test in the place of a suite that cannot be run here: it says so by its name, and fails in continuous integration. */
export function notRun(reason: string): void {
  const why = `not run: ${reason}`;
  if (process.env['CI'] === 'true') {
    it(why, () => {
      throw new Error(`${why}; in continuous integration every engine has to be there`);
    });
  } else it(why, ({ skip }) => skip());
}
