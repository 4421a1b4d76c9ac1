/** The load balancer in front of the api processes: nginx, with a configuration of this file. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../engines/programs.ts';
import { answersAt, createProcess, type StackProcess } from './process.ts';

export type BalancerOptions = {
  readonly folder: string;
  /** Address and port to listen on. */
  readonly host: string;
  readonly port: number;
  /** Ports of the api processes, on 127.0.0.1. */
  readonly apiPorts: readonly number[];
  readonly onLine: (line: string) => void;
  readonly onEnd: (how: string) => void;
};

/** Clients at once, times two: one connection to each, one to an api process. */
const maxConnections = 8_000;
/** An api that could not be reached is passed over for this long. */
const failTimeoutSeconds = 1;
/** Less than the 72 s after which an api closes a connection that is idle, so that no request meets one that is closing. */
const idleToApiSeconds = 60;
const connectTimeoutSeconds = 1;
/** More than the server takes: that a request is too large is its to say, in the form that clients know. */
const headersMaxKiB = 64;
/** Between two reads or writes, on a connection that is in use. The api's own bounds are tighter. */
const silenceSeconds = 300;

/** Starts nginx; rejects with an EngineMissingError if there is none. */
export async function startBalancer(options: BalancerOptions): Promise<StackProcess> {
  const { host, port, folder } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // It may be there from before, with other rights.
  await chmod(folder, 0o700);
  const configuration = join(folder, 'nginx.conf');
  await writeFile(configuration, balancerConfiguration(options));
  const reached = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const balancer = createProcess({
    name: 'balancer',
    command: findNginx(),
    args: ['-p', folder, '-c', configuration, '-e', 'stderr'],
    folder,
    environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    answers: () => answersAt(`http://${inUrl(reached)}:${port}/`, 'anything'),
    // It quotes requests, whose query may hold a token.
    onLine: (line) => options.onLine(line.replace(/[?][^" ]*/g, '?…')),
    onEnd: options.onEnd,
    // Who is being answered is still answered; nobody is left when the apis end.
    stopSignal: 'SIGQUIT',
  });
  await balancer.start();
  return balancer;
}

/** Its path; throws an EngineMissingError that names the Debian package. */
export const findNginx = (): string => findProgram('nginx', 'nginx-light');

export const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** nginx in the foreground, as the user that started it, writing nothing outside of its folder. */
export function balancerConfiguration(options: Pick<BalancerOptions, 'host' | 'port' | 'apiPorts' | 'folder'>): string {
  const { host, port, apiPorts, folder } = options;
  const own = (name: string): string => JSON.stringify(join(folder, name));
  return `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${own('nginx.pid')};
error_log stderr warn;
events { worker_connections ${maxConnections}; }
http {
  access_log off;
  server_tokens off;
  client_body_temp_path ${own('body')};
  proxy_temp_path ${own('proxy')};
  fastcgi_temp_path ${own('fastcgi')};
  uwsgi_temp_path ${own('uwsgi')};
  scgi_temp_path ${own('scgi')};

  upstream api {
    zone api 128k;
    least_conn;
${apiPorts.map((one) => `    server 127.0.0.1:${one} max_fails=1 fail_timeout=${failTimeoutSeconds}s;`).join('\n')}
    keepalive 128;
    keepalive_timeout ${idleToApiSeconds}s;
  }
  server {
    listen ${inUrl(host)}:${port};
    # Bodies stream through both ways, and touch no disk. Their bounds are the server's own, which says what was too large.
    client_max_body_size 0;
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
    large_client_header_buffers 4 ${headersMaxKiB}k;
    client_header_timeout 10s;
    client_body_timeout ${silenceSeconds}s;
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      # What a client says about itself is not handed on: this is the first proxy.
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header Forwarded "";
      proxy_connect_timeout ${connectTimeoutSeconds}s;
      proxy_send_timeout ${silenceSeconds}s;
      proxy_read_timeout ${silenceSeconds}s;
      # To the next one if this one cannot be reached, or if the request only reads: a write may have been done.
      proxy_next_upstream error timeout;
      proxy_next_upstream_tries ${Math.max(2, apiPorts.length)};
      proxy_next_upstream_timeout 3s;
    }
  }
}
`;
}
