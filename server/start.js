/**
 * What `npm start` runs: plain JavaScript that any Node understands, so that one which is too old is told so and does not
 * trip over the first type. Then the program itself, `src/main.ts`.
 */
// By its default, since an old Node does not know all of its names, and would stop here.
import nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

const neededNode = 24;

if (Number(process.versions.node.split('.')[0]) < neededNode) {
  process.stderr.write(
    `Node ${neededNode} or newer is needed, this is ${process.version}. On Linux "npm ci" brings it along for "npm start"; elsewhere install it from https://nodejs.org\n`,
  );
  process.exit(1);
}
// Later starts find the types stripped and the code compiled: half the start, and 20 MB less memory, since what strips
// types is not loaded. Where the folder cannot be written, everything works without it.
nodeModule.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/tiktok-server', import.meta.url)));
await import('./src/main.ts');
