import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../db/index.ts';
import { type Examine, type FoundRow, sizesOf, type Writer } from '../../jobs/index.ts';
import type { BlobStore } from '../../ports/index.ts';
import { userKey } from '../../read/index.ts';
import { fileOwnerStore, userStore } from '../../store/index.ts';

/** A picture that is gone cannot be made again: its user has none then, and may upload another. */
export function pictureRepair(deps: {
  readonly database: Database;
  readonly writer: Writer;
  readonly blobs: Pick<BlobStore, 'list'>;
}): Examine {
  const { database, writer, blobs } = deps;
  return async (id, { repair }) => {
    const find = async (): Promise<fileOwnerStore.UserFiles | undefined> => {
      const [user] = await fileOwnerStore.findUserFiles(database.reader, [id]);
      return user;
    };
    const user = await find();
    if (user === undefined || user.deleted_at !== null) return undefined;
    const { avatar_key: avatar, background_key: background } = user;
    const sizes = await sizesOf(
      blobs,
      { owner: 'user', ownerId: id },
      [avatar, background].filter((key) => key !== null),
    );
    const missing: FoundRow['missing'] = [
      ...(avatar !== null && !sizes.has(avatar) ? (['avatar'] as const) : []),
      ...(background !== null && !sizes.has(background) ? (['background'] as const) : []),
    ];
    if (missing.length === 0) return undefined;
    const apply = (): Promise<boolean> =>
      writer.write(async ({ trx, invalidate }) => {
        // A picture that was replaced while the files were listed is not missing.
        if (!isDeepStrictEqual(await fileOwnerStore.lockUserFiles(trx, id), user)) return false;
        await userStore.updateProfile(trx, id, {
          ...(missing.includes('avatar') && { avatar_key: null }),
          ...(missing.includes('background') && { background_key: null }),
        });
        invalidate(userKey(id));
        return true;
      });
    const stands = repair ? await apply() : isDeepStrictEqual(await find(), user);
    return stands ? { owner: 'user', id, missing, remedy: 'cleared' } : undefined;
  };
}
