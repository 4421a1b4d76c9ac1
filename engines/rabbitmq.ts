/** RabbitMQ as a private server, with a port mapper of its own. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Engine, EngineOptions } from './engine.ts';
import { findProgram, freePorts } from './programs.ts';
import { startServerEngine } from './server-engine.ts';

export type RabbitmqOptions = EngineOptions & {
  /** Virtual hosts that exist beside `/`; user `guest` may do everything in them. */
  readonly vhosts?: readonly string[];
  /** Others who may enter `/`, with regular expressions of the names that they may use there; the password is the name. */
  readonly users?: readonly RabbitmqUser[];
};

export type RabbitmqUser = {
  readonly name: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
};

const debianPackage = 'rabbitmq-server';
/** What a client of AMQP 0-9-1 says first; the server's first answer is a frame of type 1, a method. */
const protocolHeader = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1');
const methodFrame = 1;

/** Ready in 4 to 6 s, at 130 MB. Rejects with an EngineMissingError. */
export async function startRabbitmq(options: RabbitmqOptions): Promise<Engine> {
  const { vhosts = [], users = [] } = options;
  const folder = resolve(options.folder);
  // Not the one on the PATH: Debian's refuses users other than root and its own.
  const path = findProgram(['/usr/lib/rabbitmq/bin/rabbitmq-server', 'rabbitmq-server'], debianPackage);
  const portMapper = findProgram(['epmd'], 'erlang-base');
  const [anyPort = 0, distributionPort = 0, portMapperPort = 0] = await freePorts(3);
  const port = options.port ?? anyPort;
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string, mode = 0o644): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode });
    return path;
  };
  write('.erlang.cookie', randomBytes(16).toString('hex'), 0o400);
  const definitions = write('definitions.json', JSON.stringify(definitionsOf(['/', ...vhosts], users)));
  const configuration = [
    'vm_memory_high_watermark.absolute = 256MB',
    'disk_free_limit.absolute = 50MB',
    `load_definitions = ${definitions}`,
    'log.console = true',
    'log.console.level = warning',
    'log.file = false',
  ];
  const environment = {
    HOME: folder,
    LANG: 'C.UTF-8',
    ERL_EPMD_PORT: String(portMapperPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `engine${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_PID_FILE: join(folder, 'rabbitmq.pid'),
    RABBITMQ_CONFIG_FILE: write('rabbitmq.conf', `${configuration.join('\n')}\n`),
    RABBITMQ_ENABLED_PLUGINS_FILE: write('enabled_plugins', '[].\n'),
    // The machine's own settings are not for this one.
    RABBITMQ_CONF_ENV_FILE: write('rabbitmq-env.conf', ''),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +A 8',
    // The start script then becomes the server, instead of waiting for it as a process of its own.
    detached: 'true',
  };
  return await startServerEngine({
    name: 'rabbitmq',
    port,
    folder,
    settings: { AMQP_URL: `amqp://guest:guest@127.0.0.1:${port}` },
    commands: [
      // Else the server starts one as a daemon, which stays.
      { path: portMapper, arguments: ['-port', String(portMapperPort), '-address', '127.0.0.1'] },
      { path, arguments: [], environment },
    ],
    hello: protocolHeader,
    isReady: ([firstByte]) => firstByte === methodFrame,
  });
}

/** Where definitions are loaded, nothing is there by itself: neither the virtual host `/` nor the user `guest`. */
function definitionsOf(vhosts: readonly string[], users: readonly RabbitmqUser[]): unknown {
  const everything = { configure: '.*', write: '.*', read: '.*' };
  return {
    vhosts: vhosts.map((name) => ({ name })),
    users: [
      { name: 'guest', password: 'guest', tags: ['administrator'] },
      ...users.map(({ name }) => ({ name, password: name, tags: [] })),
    ],
    permissions: [
      ...vhosts.map((vhost) => ({ user: 'guest', vhost, ...everything })),
      ...users.map(({ name, ...rights }) => ({ user: name, vhost: '/', ...rights })),
    ],
  };
}
