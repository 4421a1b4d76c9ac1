import type { Reader, Transaction } from '../db/index.ts';

/** Small facts about the installation itself. */
export type MetaName = 'demo' | 'publishing';

export async function findMeta(db: Reader, name: MetaName): Promise<string | undefined> {
  const row = await db.selectFrom('meta').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value;
}

export async function putMeta(trx: Transaction, name: MetaName, value: string): Promise<void> {
  await trx
    .insertInto('meta')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}

/** Holds a name until the transaction ends: who asks for the same one waits. */
export async function lockMeta(trx: Transaction, name: MetaName): Promise<void> {
  await trx
    .insertInto('meta')
    .values({ name, value: '' })
    .onConflict((conflict) => conflict.column('name').doUpdateSet((e) => ({ value: e.ref('meta.value') })))
    .execute();
}

/** Rejects if there is one of that name. */
export async function insertMeta(trx: Transaction, name: MetaName, value: string): Promise<void> {
  await trx.insertInto('meta').values({ name, value }).execute();
}
