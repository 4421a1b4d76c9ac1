/** Programs of the system that a test runs our files with, where they are installed. */
import { it } from 'vitest';
import { EngineMissingError } from '../../engines/index.ts';
import { findProgram } from '../../engines/programs.ts';

/**
 * A test with a program of a Debian package. Without the program it is a failure in continuous integration, and a test that
 * says by its name that it was not run elsewhere.
 */
export function itWith(
  program: string,
  debianPackage: string,
  name: string,
  run: (path: string) => Promise<void> | void,
): void {
  let path: string | undefined;
  try {
    path = findProgram(program, debianPackage);
  } catch (error) {
    if (!(error instanceof EngineMissingError)) throw error;
  }
  if (path !== undefined) {
    const found = path;
    it(name, () => run(found));
    return;
  }
  const why = `not run: ${program} is not installed (apt-get install ${debianPackage}): ${name}`;
  const isNeeded = process.env['CI'] === 'true';
  it.skipIf(!isNeeded)(why, () => {
    throw new Error(`${why}; in continuous integration it has to be there`);
  });
}
