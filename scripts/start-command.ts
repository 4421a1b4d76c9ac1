import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = new URL('..', import.meta.url);

/**
 * The arguments of `node` by which `npm start` starts the server, taken from there, with the program's path made absolute:
 * for tests and measurements, which run the same thing from other folders.
 */
export function startArguments(): string[] {
  const manifest: unknown = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const { scripts } = Object.assign({ scripts: {} }, manifest);
  const { start } = Object.assign({ start: '' }, scripts);
  const [node, ...args] = String(start).split(' ');
  const program = args.pop();
  if (node !== 'node' || program === undefined || isAbsolute(program)) {
    throw new Error(`the start script is not of the form "node OPTIONS PROGRAM": ${start}`);
  }
  return [...args, fileURLToPath(new URL(program, root))];
}
