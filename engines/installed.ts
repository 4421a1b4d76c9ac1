/** Which engines can be started here, told without starting them. */
import { EngineMissingError, type EngineName } from './engine.ts';
import { findProgram } from './programs.ts';

/** What each engine needs, with the Debian package that brings it. */
const programs: Readonly<Record<EngineName, readonly (readonly [string | readonly string[], string])[]>> = {
  mysql: [[['mariadbd', 'mysqld'], 'mariadb-server']],
  redis: [['redis-server', 'redis-server']],
  rabbitmq: [[['/usr/lib/rabbitmq/bin/rabbitmq-server', 'rabbitmq-server'], 'rabbitmq-server']],
  s3: [
    ['radosgw', 'radosgw'],
    ['ceph-mon', 'ceph-mon'],
    ['ceph-osd', 'ceph-osd'],
    ['ceph', 'ceph-common'],
  ],
};

/** What is missing of an engine and how to get it; undefined if everything is there. */
export function missingOf(engine: EngineName): string | undefined {
  try {
    for (const [names, debianPackage] of programs[engine]) findProgram(names, debianPackage);
    return undefined;
  } catch (error) {
    if (error instanceof EngineMissingError) return error.message;
    throw error;
  }
}
