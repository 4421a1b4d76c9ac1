/** The shipped settings of MySQL and RabbitMQ, checked by what is installed here: MariaDB and an older RabbitMQ. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { itWith } from './test/programs.ts';

const local = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

itWith('mariadbd', 'mariadb-server', 'mysql.cnf is understood, but for what MariaDB does not have', (path) => {
  // It stops at a name or a value that it does not understand.
  const output = execFileSync(path, [`--defaults-file=${local('mysql.cnf')}`, '--verbose', '--help'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const value = (name: string): string | undefined => new RegExp(`^${name} +(\\S+)$`, 'm').exec(output)?.[1];
  expect(value('innodb-flush-log-at-trx-commit')).toBe('1');
  expect(value('sync-binlog')).toBe('1');
  expect(value('character-set-server')).toBe('utf8mb4');
  expect(value('max-connections')).toBe('150');
  const [, only = ''] = readFileSync(local('mysql.cnf'), 'utf8').split('[mysqld-8.4]\n');
  const names = [...only.matchAll(/^([a-z_-]+) *=/gm)].map(([, name]) => name);
  expect(names).toEqual(['secure-file-priv', 'innodb_redo_log_capacity', 'mysqlx']);
});
