/**
 * How MySQL's and MariaDB's SQL differs from what the stores and migrations say, and Kysely's way to a connection. The
 * stores keep one text: what SQLite calls ON CONFLICT is translated here.
 */
import {
  type CompiledQuery,
  type CreateTableNode,
  type DatabaseConnection,
  type DataTypeNode,
  type Dialect,
  type Driver,
  type InsertQueryNode,
  type JoinNode,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  OnDuplicateKeyNode,
  OrActionNode,
  type QueryResult,
  type SelectModifierNode,
} from 'kysely';
import type { MysqlFlavour, MysqlResult } from './mysql-connection.ts';

/** On every table of ours, so that one that was made by somebody else is not taken for ours. */
export const tableComment = 'tiktok-server';

class Compiler extends MysqlQueryCompiler {
  readonly #flavour: MysqlFlavour;

  constructor(flavour: MysqlFlavour) {
    super();
    this.#flavour = flavour;
  }

  protected override visitInsertQuery({ onConflict, ...node }: InsertQueryNode): void {
    if (onConflict === undefined) super.visitInsertQuery(node);
    else if (onConflict.updates === undefined) {
      super.visitInsertQuery({ ...node, orAction: OrActionNode.create('ignore') });
    } else super.visitInsertQuery({ ...node, onDuplicateKey: OnDuplicateKeyNode.create(onConflict.updates) });
  }

  /** Of SQLite's CROSS JOIN the stores want that the first table is read first; here that is another word. */
  protected override visitJoin(node: JoinNode): void {
    if (node.joinType !== 'CrossJoin') {
      super.visitJoin(node);
      return;
    }
    this.append('straight_join ');
    this.visitNode(node.table);
  }

  /** FOR SHARE is not known to MariaDB; both know what it was called before. */
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier === 'ForShare') this.append('lock in share mode');
    else super.visitSelectModifier(node);
  }

  protected override visitCreateTable(node: CreateTableNode): void {
    super.visitCreateTable(node);
    const { collation } = this.#flavour;
    this.append(` engine = InnoDB default character set = utf8mb4 collate = ${collation} comment = '${tableComment}'`);
  }

  /** MySQL's TEXT ends after 64 KiB. */
  protected override visitDataType(node: DataTypeNode): void {
    if (node.dataType === 'text') this.append('mediumtext');
    else super.visitDataType(node);
  }
}

/** Kysely waits for its lock for an hour; ours is taken around all of it, with a bound. */
class Adapter extends MysqlAdapter {
  override async acquireMigrationLock(): Promise<void> {}
  override async releaseMigrationLock(): Promise<void> {}
}

export function mysqlDialect(flavour: MysqlFlavour, driver: Driver): Dialect {
  return {
    createAdapter: () => new Adapter(),
    createDriver: () => driver,
    createIntrospector: (db) => new MysqlIntrospector(db),
    createQueryCompiler: () => new Compiler(flavour),
  };
}

/** A connection as Kysely sees it: something that answers queries. */
export class QueryingConnection implements DatabaseConnection {
  readonly #query: (query: CompiledQuery) => Promise<MysqlResult>;

  constructor(query: (query: CompiledQuery) => Promise<MysqlResult>) {
    this.#query = query;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>>;
  async executeQuery(query: CompiledQuery): Promise<QueryResult<unknown>> {
    const { rows, affectedRows } = await this.#query(query);
    return { rows: [...rows], ...(affectedRows === undefined ? {} : { numAffectedRows: BigInt(affectedRows) }) };
  }

  // biome-ignore lint/correctness/useYield: it refuses before there is anything to yield
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error('results are not streamed: every list has a page');
  }
}

/** A driver of one connection that is there already, without transactions. */
export function driverOver(connection: DatabaseConnection): Driver {
  const refuse = async (): Promise<never> => {
    throw new Error('there are no transactions here');
  };
  return {
    init: async () => undefined,
    acquireConnection: async () => connection,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: async () => undefined,
    destroy: async () => undefined,
  };
}
