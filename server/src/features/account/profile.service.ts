import { DomainError } from '@tiktok-server/contract';
import type { UserRow } from '../../db/index.ts';
import { type BlobOwner, newBlobKey, promoteWith, type Unit, type Writer } from '../../jobs/index.ts';
import { noRoom, type PictureShape, pictureShapes } from '../../media/index.ts';
import type { BlobStore, StagedBlob } from '../../ports/index.ts';
import { userKey } from '../../read/index.ts';
import { userStore } from '../../store/index.ts';

export type ProfileDeps = { readonly writer: Writer; readonly blobs: BlobStore };

export type ProfileChanges = {
  readonly signature: string | undefined;
  readonly avatar: StagedBlob | undefined;
  readonly background: StagedBlob | undefined;
};

/** Pixels of a picture that is taken at all: decoding costs memory by the pixel, whatever the file's size. */
const maxInputPixels = 50_000_000;
const decodeTimeoutSeconds = 10;

/** Stores what is given; pictures are decoded and encoded again, so nothing that was hidden in the file survives. */
export async function editProfile(deps: ProfileDeps, userId: number, changes: ProfileChanges): Promise<void> {
  const owner: BlobOwner = { owner: 'user', ownerId: userId };
  const files: { key: string; staged: StagedBlob }[] = [];
  const fields: Partial<Pick<UserRow, 'signature' | 'avatar_key' | 'background_key'>> = {};
  try {
    if (changes.signature !== undefined) fields.signature = changes.signature;
    if (changes.avatar !== undefined) {
      const file = await reencode(deps.blobs, owner, changes.avatar, pictureShapes.avatar, 'avatar');
      files.push(file);
      fields.avatar_key = file.key;
    }
    if (changes.background !== undefined) {
      const file = await reencode(deps.blobs, owner, changes.background, pictureShapes.background, 'background_image');
      files.push(file);
      fields.background_key = file.key;
    }
    if (Object.keys(fields).length === 0) return;
    const store = async ({ trx, enqueue, invalidate }: Unit): Promise<boolean> => {
      // Within the transaction, and held: of two edits at once, the second replaces what the first has stored.
      const [before] = await userStore.lockUsers(trx, [userId]);
      if (before === undefined || !(await userStore.updateProfile(trx, userId, fields))) return false;
      const replaced = [fields.avatar_key && before.avatar_key, fields.background_key && before.background_key];
      const keys = replaced.filter((key) => typeof key === 'string');
      if (keys.length > 0) await enqueue('blobs.reconcile', { ...owner, keys });
      invalidate(userKey(userId));
      return true;
    };
    const stored = files.length === 0 ? await deps.writer.write(store) : await promoteWith(deps, owner, files, store);
    if (!stored) throw new DomainError('ErrTokenInvalid');
  } finally {
    for (const file of files) await file.staged.discard();
  }
}

/** Formats that cameras and phones make. Not SVG: what a kilobyte of it can ask for takes minutes that nothing bounds. */
const pictureLoaders = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif'].map((format) => `VipsForeignLoad${format}`);

/**
 * Loaded when it is first needed: it takes 20 MB, and most processes never see a picture. Once, because what is blocked is so for
 * the whole process: to block everything again for a moment would refuse a picture that is being read in that moment.
 */
let loading: ReturnType<typeof loadSharpOnce> | undefined;
const loadSharp = (): ReturnType<typeof loadSharpOnce> => (loading ??= loadSharpOnce());
async function loadSharpOnce() {
  const { default: sharp } = await import('sharp');
  sharp.cache(false);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: pictureLoaders });
  return sharp;
}

async function reencode(
  blobs: BlobStore,
  owner: BlobOwner,
  received: StagedBlob,
  shape: PictureShape,
  part: string,
): Promise<{ key: string; staged: StagedBlob }> {
  const path = blobs.scratchPath('jpg');
  const sharp = await loadSharp();
  try {
    await sharp(received.path, { limitInputPixels: maxInputPixels, failOn: 'error', pages: 1 })
      .timeout({ seconds: decodeTimeoutSeconds })
      .rotate()
      .resize(shape.width, shape.height, { fit: 'cover' })
      .flatten({ background: '#ffffff' })
      .jpeg({ quality: 82, mozjpeg: true })
      .toFile(path);
  } catch (error) {
    await blobs.discardScratch(path);
    if (noRoom.test(String(error))) throw new DomainError('ErrStorageFull', { cause: error });
    throw new DomainError('ErrNotPicture', {
      detail: {
        en: `${part} must be a JPEG, PNG, WebP, GIF or AVIF picture of at most ${maxInputPixels / 1_000_000} megapixels`,
        zh: `${part} 必须是不超过 ${maxInputPixels / 1_000_000} 百万像素的 JPEG、PNG、WebP、GIF 或 AVIF 图片`,
      },
      cause: error,
    });
  }
  return { key: newBlobKey(owner, 'jpg'), staged: await blobs.adopt(path) };
}
