/**
 * The yardstick: `node:http` alone, which sends the same bytes under the same headers from a Buffer to whoever asks.
 * Arguments: the file with the body, the headers as JSON. Prints its port.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

/** As the server has it: it decides about the keep-alive header. */
const keepAliveMs = 72_000;

const [bodyPath = '', headersText = '{}'] = process.argv.slice(2);
const body = readFileSync(bodyPath);
const given: unknown = JSON.parse(headersText);
const headers: Record<string, string> = {};
for (const [name, value] of Object.entries(Object(given))) headers[name] = String(value);

const server = createServer({ keepAliveTimeout: keepAliveMs }, (_request, response) => {
  response.writeHead(200, headers);
  response.end(body);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.stdout.write(`${address.port}\n`);
});
process.once('SIGTERM', () => process.exit(0));
