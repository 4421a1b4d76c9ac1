/** The command line of `npm run stack`. */
import { maxProcesses } from './stack.ts';

export type StackArguments = {
  readonly help: boolean;
  readonly apis: number;
  readonly workers: number;
};

export const help = `npm run stack -- [--apis N] [--workers N]

The production form on this machine, for development: MySQL (MariaDB), Redis, RabbitMQ and S3 (Ceph) from Debian's packages
as private servers, api processes behind nginx, and workers. Ctrl+C ends all of it, and removes its data: each run begins
empty.

  --apis N      api processes (2)
  --workers N   processes for the jobs behind them (1)

Settings are those of the server, in the environment or in .env. HOST and PORT are those of the balancer (127.0.0.1, 8080).
DATABASE_URL, REDIS_URL, AMQP_URL, STORAGE_URL (with STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY): that server is used, and none
started; what is in it stays.

Programs:  apt-get install nginx-light mariadb-server redis-server rabbitmq-server ffmpeg
           apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common
`;

const counts = { '--apis': 'apis', '--workers': 'workers' } as const;
const isCount = (text: string): text is keyof typeof counts => Object.hasOwn(counts, text);

/** Throws an Error whose message says what is not understood. */
export function readArguments(args: readonly string[]): StackArguments {
  const given = { apis: 2, workers: 1 };
  for (let at = 0; at < args.length; at += 1) {
    const argument = args[at] ?? '';
    if (argument === '--help' || argument === '-h') return { help: true, ...given };
    const [name = '', inline] = argument.split('=', 2);
    if (!isCount(name)) throw new Error(`${argument} is not understood: see npm run stack -- --help`);
    if (inline === undefined) at += 1;
    const text = inline ?? args[at] ?? '';
    if (!/^[1-9]\d?$/.test(text) || Number(text) > maxProcesses) {
      throw new Error(`${name} must be a whole number from 1 to ${maxProcesses}, not "${text}"`);
    }
    given[counts[name]] = Number(text);
  }
  return { help: false, ...given };
}
