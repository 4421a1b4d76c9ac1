/** Settings as a site in /srv/site has them, for tests of what becomes of them. */
import { type Config, ConfigError, type Environment, loadConfig } from '../src/config/index.ts';

export const load = (environment: Environment): Config => loadConfig({ environment, workingDirectory: '/srv/site' });

/** What is said of settings that are wrong; throws if they are taken. */
export function refusal(environment: Environment): string {
  try {
    load(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(environment)}`);
}
