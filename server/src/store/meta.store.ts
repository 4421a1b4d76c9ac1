import type { Reader, Transaction } from '../db/index.ts';

/** Small facts about the installation itself. */
export type MetaName = 'demo';

export async function findMeta(db: Reader, name: MetaName): Promise<string | undefined> {
  const row = await db.selectFrom('meta').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value;
}

export async function putMeta(trx: Transaction, name: MetaName, value: string): Promise<void> {
  await trx.deleteFrom('meta').where('name', '=', name).execute();
  await trx.insertInto('meta').values({ name, value }).execute();
}
