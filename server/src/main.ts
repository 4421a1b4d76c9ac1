/** The program: reads the configuration, starts the role, says where it is, and stops in an orderly way. */
import { networkInterfaces } from 'node:os';
import { type Config, ConfigError, helpText, loadConfig, readEnvironment } from './config/index.ts';
import { migrateDatabase } from './context/migrate.ts';
import { type Context, createContext } from './context.ts';
import { publishDemo } from './demo.ts';

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

async function start(config: Config): Promise<Context> {
  const context = await createContext(config);
  try {
    // Whoever takes the site apart into roles has a site already.
    if (config.demo && config.role === 'all') await publishDemo(context);
    if (config.role !== 'worker') await context.app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await context.close();
    throw error;
  }
  return context;
}

function announce(context: Context): void {
  if (context.config.role === 'worker') announceWorker(context);
  else announceServer(context);
}

function announceWorker({ config, transcoder, log }: Context): void {
  const { info } = transcoder;
  log.logger.info(
    { role: config.role, ffmpeg: info.ffmpeg, ffmpegVersion: info.version, toolGuards: info.guards },
    `ready to do jobs, ${config.mediaWorkers} of media at once · ffmpeg ${info.version} from ${info.ffmpeg}`,
  );
}

function announceServer({ config, transcoder, log, app }: Context): void {
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  const host = ['127.0.0.1', ...anyAddress, '::1'].includes(config.host) ? 'localhost' : inUrl(config.host);
  const url = config.publicUrl ?? `http://${host}:${port}`;
  const others = anyAddress.includes(config.host) ? ownAddresses().map((own) => `http://${inUrl(own)}:${port}`) : [];
  const elsewhere = others.length === 0 ? '' : ` (from other devices ${others.join(' or ')})`;
  const { info } = transcoder;
  const old =
    info.source === 'bundled'
      ? ' (an old build that npm brought along: fine to try things out, install ffmpeg for real use)'
      : '';
  log.logger.info(
    {
      url,
      dataDir: config.dataDir,
      ffmpeg: info.ffmpeg,
      ffmpegVersion: info.version,
      toolGuards: info.guards,
      docs: `${url}/docs`,
    },
    `ready at ${url}${elsewhere} · data in ${config.dataDir} · ffmpeg ${info.version} from ${info.ffmpeg}${old} · API documentation at ${url}/docs`,
  );
}

const anyAddress = ['0.0.0.0', '::'];
const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);
/** More of them help nobody. */
const maxShownAddresses = 3;

/** Addresses of this computer in its networks, by which phones reach it. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
    .slice(0, maxShownAddresses);
}

const secondWishMs = 1_000;

/** Lets what is in flight finish, within a bound, and exits 0. Whoever asks twice does not want to wait. */
function stopOnSignals(context: Context): (why: string) => void {
  let stopping = false;
  let askedAtMs = 0;
  const stop = (signal: string): void => {
    // A shell may hand on what the terminal has sent already: that is one wish, not two.
    if (stopping && performance.now() - askedAtMs > secondWishMs) process.exit(0);
    if (stopping) return;
    stopping = true;
    askedAtMs = performance.now();
    const { logger } = context.log;
    logger.info({ signal }, 'stopping');
    const late = setTimeout(() => process.exit(0), context.config.shutdownTimeoutMs);
    context.close().then(
      () => {
        clearTimeout(late);
        process.exit(0);
      },
      (error: unknown) => fail(`The server could not stop in an orderly way: ${messageOf(error)}`),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return stop;
}

/** Given by `npm start`: npm does not hand signals on through its shell, so a server that it started would outlive it. */
const stopWithParent = '--stop-with-parent';
const lookForParentEveryMs = 500;

function watchParent(stop: (why: string) => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop('the process that started this one has ended');
  }, lookForParentEveryMs).unref();
}

/** Any timer that is there will do. */
const stayAliveMs = 60_000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return `${messageOf(error)}. Stop the other program, or set PORT.`;
  if (code === 'ENOTFOUND' || code === 'EADDRNOTAVAIL')
    return `HOST: ${messageOf(error)}. Set HOST to an address of this computer.`;
  if (code === 'EACCES')
    return `${messageOf(error)}. Ports below 1024 need privileges: set PORT; or set DATA_DIR to a folder of yours.`;
  return messageOf(error);
}

const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) {
  process.stdout.write(helpText());
  process.exit(0);
}
const unknown = args.find((argument) => argument !== stopWithParent);
if (unknown !== undefined) fail(`${unknown} is not understood: settings are environment variables, see --help`);
// Until it is ready there is nothing to finish: what is half done, the next start takes up.
const stopAtOnce = (): never => process.exit(0);
process.on('SIGTERM', stopAtOnce);
process.on('SIGINT', stopAtOnce);
try {
  const config = loadConfig({ environment: readEnvironment(), workingDirectory: process.cwd() });
  if (config.role === 'migrate') {
    await migrateDatabase(config);
    process.exit(0);
  }
  const context = await start(config);
  process.off('SIGTERM', stopAtOnce);
  process.off('SIGINT', stopAtOnce);
  const stop = stopOnSignals(context);
  if (args.includes(stopWithParent)) watchParent(stop);
  // A worker listens nowhere: while its engines are away, nothing else would keep it from ending.
  setInterval(() => undefined, stayAliveMs);
  announce(context);
} catch (error) {
  fail(explain(error));
}
