/** compose.yaml without Docker: what it says is resolved and checked, and asked of docker-compose where there is one. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig, settings } from '../server/src/config/index.ts';
import { itWith } from './test/programs.ts';

type Fields = Readonly<Record<string, unknown>>;

const root = fileURLToPath(new URL('..', import.meta.url));
const text = readFileSync(join(root, 'compose.yaml'), 'utf8');
const example = readFileSync(join(root, 'docker/.env.example'), 'utf8');
const runs = promisify(execFile);

/** The example with everything filled in, and its defaults left to compose.yaml. */
const filledExample = example.replace(/^([A-Z_]+)=$/gm, `$1=${'0123456789abcdef'.repeat(3)}`);
const given = new Map(
  [...filledExample.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
);

/** `${NAME}`, `${NAME:-otherwise}`, `${NAME:?message}`, `${NAME?message}` and `$$`, as Compose reads them. */
const variable = /\$(?:\$|\{([A-Z_]+)(?:(:-|:\?|\?)([^}]*))?\})/g;
const interpolate = (value: string): string =>
  value.replace(variable, (whole, name: string | undefined, operator: string, rest: string) => {
    if (name === undefined) return '$';
    const found = given.get(name);
    if (operator === ':-') return found === undefined || found === '' ? rest : found;
    if (found === undefined) throw new Error(`${whole}: not in docker/.env.example`);
    return found;
  });

/** In the values, after the file has been read as YAML: what comes out of a variable is text. */
function interpolated(value: unknown): unknown {
  if (typeof value === 'string') return interpolate(value);
  if (Array.isArray(value)) return value.map(interpolated);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, interpolated(one)]));
}

const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const file = fields(interpolated(parse(text, { merge: true })));
const services = Object.entries(fields(file['services'])).map(([name, service]) => ({ name, ...fields(service) }));
const service = (name: string): Fields => fields(fields(file['services'])[name]);

const oneShots = ['volumes', 'minio-setup', 'migrate'];
const ours = ['migrate', 'api', 'worker'];

it('has the engines, the roles and a proxy', () => {
  expect(services.map(({ name }) => name).toSorted()).toEqual(
    [...oneShots, 'mysql', 'redis', 'rabbitmq', 'minio', 'api', 'worker', 'proxy'].toSorted(),
  );
  expect(fields(service('api')['deploy'])['replicas']).toBe('2');
});

describe.each(services)('$name', (one: Fields & { readonly name: string }) => {
  it('has no rights, and nothing to write to but its volumes', () => {
    expect(one['read_only']).toBe(true);
    expect(one['cap_drop']).toEqual(['ALL']);
    expect(one['security_opt']).toEqual(['no-new-privileges:true']);
    expect(one['privileged']).toBeUndefined();
    // Who gives volumes to others has to be root, without anything else that root may do and without a network.
    if (one.name === 'volumes') expect(one).toMatchObject({ cap_add: ['CHOWN'], network_mode: 'none' });
    else expect(String(one['user'])).toMatch(/^(?:[a-z]+|1000:1000)$/);
    expect(one['user']).not.toBe('root');
    for (const mount of list(one['tmpfs'])) expect(mount).toMatch(/:size=\d+m,mode=1777$/);
  });

  it('is bounded in memory, processes and logs', () => {
    expect(String(fields(fields(fields(one['deploy'])['resources'])['limits'])['memory'])).toMatch(/^\d+[MG]$/);
    expect(Number(one['pids_limit'])).toBeGreaterThan(0);
    expect(one['logging']).toEqual({ driver: 'json-file', options: { 'max-size': '10m', 'max-file': '5' } });
  });

  it('comes back after a failure, and waits for what it needs', () => {
    const isOneShot = oneShots.includes(one.name);
    expect(one['restart']).toBe(isOneShot ? 'on-failure:5' : 'unless-stopped');
    if (!isOneShot) expect(list(fields(one['healthcheck'])['test']).length).toBeGreaterThan(1);
    for (const [other, need] of Object.entries(fields(one['depends_on']))) {
      const condition = oneShots.includes(other) ? 'service_completed_successfully' : 'service_healthy';
      expect([other, need]).toEqual([other, { condition }]);
      expect(fields(file['services'])).toHaveProperty(other);
    }
  });

  it('is a version that does not change by itself, and uses files that exist', () => {
    expect(one['image']).toMatch(/^[a-z./-]+:(?:\d+\.\d+\.\d+(?:-alpine)?|RELEASE\.[0-9TZ-]+)$/);
    const volumes = list(one['volumes']).map(String);
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('./')) {
        expect(volume).toMatch(/:ro$/);
        expect([source, existsSync(join(root, source))]).toEqual([source, true]);
      } else if (!source.startsWith('/')) expect(fields(file['volumes'])).toHaveProperty(source);
    }
    const { context, dockerfile } = Object.assign({ context: '', dockerfile: '' }, one['build']);
    if (ours.includes(one.name)) expect(existsSync(join(root, String(context), String(dockerfile)))).toBe(true);
  });
});

it.each(ours)('%s gets settings that the server takes, and no name that it does not know', (name) => {
  const environment = fields(service(name)['environment']);
  // What YAML reads as something else than text would arrive in another form: `off` as false, say.
  for (const [key, value] of Object.entries(environment)) expect([key, typeof value]).toEqual([key, 'string']);
  expect(Object.keys(environment).filter((key) => !Object.hasOwn(settings, key))).toEqual([]);
  const values = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value)]));
  const config = loadConfig({ environment: values, workingDirectory: '/app' });
  expect(config).toMatchObject({
    role: name,
    host: '0.0.0.0',
    port: 8080,
    trustProxy: 1,
    publicUrl: 'https://videos.example.org',
    database: { kind: 'mysql', host: 'mysql', user: 'tiktok', database: 'tiktok' },
    cache: { kind: 'redis' },
    queue: { kind: 'rabbitmq' },
    blobs: {
      kind: 's3',
      bucket: 'tiktok',
      endpoint: 'http://minio:9000',
      publicUrl: 'https://videos.example.org/files',
    },
    admin: { host: '0.0.0.0', port: 9100 },
  });
});

it('lets nobody in but through the proxy, and nobody out of the network of the engines', () => {
  expect(services.filter((one: Fields) => one['ports'] !== undefined).map(({ name }) => name)).toEqual(['proxy']);
  expect(fields(file['networks'])).toMatchObject({ data: { internal: true } });
  for (const name of ['mysql', 'redis', 'rabbitmq', 'migrate']) expect(service(name)['networks']).toEqual(['data']);
  expect(service('proxy')['networks']).toEqual(['app']);
});

it('every variable is in the example, with the default that it has', () => {
  const used = [...text.matchAll(variable)].flatMap(([, name, operator, rest]) =>
    name === undefined ? [] : [{ name, operator, rest }],
  );
  const needed = new Set(used.filter(({ operator }) => operator?.endsWith('?')).map(({ name }) => name));
  const documented = new Map(
    [...example.matchAll(/^(#?)([A-Z_]+)=(.*)$/gm)].map(([, mark, name = '', value]) => [name, { mark, value }]),
  );
  expect([...documented.keys()].toSorted()).toEqual([...new Set(used.map(({ name }) => name))].toSorted());
  for (const { name, operator, rest } of used) {
    const { mark, value } = documented.get(name) ?? {};
    expect([name, mark]).toEqual([name, needed.has(name) ? '' : '#']);
    if (operator === ':-') expect([name, value]).toEqual([name, rest]);
  }
  // Without one, the start says what to do.
  for (const { operator, rest } of used)
    if (operator?.endsWith('?')) expect(rest).toMatch(/^set it in docker\/\.env to /);
  expect(needed.size).toBeGreaterThan(9);
  // No secret is anything by itself.
  for (const [name, { value }] of documented) {
    if (/PASSWORD|SECRET/.test(name)) expect([name, value]).toEqual([name, '']);
  }
});

describe('docker compose config', () => {
  const withSettings = async (content: string, run: (env: string) => Promise<void>): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'compose-'));
    try {
      writeFileSync(join(folder, 'env'), content);
      await run(join(folder, 'env'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const config = (program: string, env: string): Promise<{ stdout: string }> =>
    runs(program, ['--file', join(root, 'compose.yaml'), '--env-file', env, 'config'], {
      env: { PATH: '/usr/bin:/bin' },
    });

  itWith('docker-compose', 'docker-compose', 'passes, and gives what we read', async (program) => {
    await withSettings(filledExample, async (env) => {
      const { stdout } = await config(program, env);
      const other = fields(parse(stdout));
      expect(Object.keys(fields(other['services'])).toSorted()).toEqual(services.map(({ name }) => name).toSorted());
      for (const name of ours) {
        const theirs = fields(fields(fields(other['services'])[name])['environment']);
        expect(theirs).toEqual(service(name)['environment']);
      }
    });
  });

  itWith('docker-compose', 'docker-compose', 'says what has to be set', async (program) => {
    await withSettings(filledExample.replace(/^JWT_SECRET=.*$/m, ''), async (env) => {
      const stderr = expect.stringContaining('set it in docker/.env to 32 characters or more');
      await expect(config(program, env)).rejects.toMatchObject({ stderr });
    });
  });
});
