import { readFileSync } from 'node:fs';
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
  const at = args.findIndex((argument) => argument.endsWith('.js'));
  if (node !== 'node' || at < 0)
    throw new Error(`the start script is not of the form "node OPTIONS PROGRAM": ${start}`);
  return args.map((argument, position) => (position === at ? fileURLToPath(new URL(argument, root)) : argument));
}
