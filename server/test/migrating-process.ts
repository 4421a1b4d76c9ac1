/** Opens the MySQL database of its first argument, as a start does, and ends; what went wrong is its error output. */
import { openMysql } from '../src/db/mysql.ts';
import { mysqlOptions } from './temporary-mysql.ts';

const database = await openMysql(mysqlOptions(process.argv[2] ?? ''));
await database.ping();
await database.close();
