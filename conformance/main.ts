/** `npm run conformance -- http://host:port`: see README.md here, or --help. */
import { cli } from './cli.ts';

const { stdout, stderr } = process;

process.exitCode = await cli(process.argv.slice(2), {
  out: (text) => console.log(text),
  error: (text) => console.error(text),
  coloured: stdout.isTTY,
  // One line that is written over and over, on terminals only.
  progress: stderr.isTTY ? (text) => stderr.write(`\r\u001b[K${text}`) : undefined,
});
