/** What a video is made into, how far that has come, and uploads that can be resumed. */
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Tables } from '../tables.ts';

type Step = (db: Kysely<Tables>) => Promise<void>;

const videoColumn = (name: string, type: 'text' | 'varchar(64)' | 'varchar(128)'): readonly [string, Step] => [
  `videos-${name.replaceAll('_', '-')}`,
  async (db) => {
    await db.schema.alterTable('videos').addColumn(name, type).execute();
  },
];

const steps: readonly (readonly [string, Step])[] = [
  videoColumn('received_key', 'varchar(128)'),
  videoColumn('placeholder', 'varchar(64)'),
  videoColumn('derived', 'text'),
  [
    'videos-by-content',
    async (db) => {
      await db.schema.createIndex('videos_by_content').on('videos').columns(['sha256', 'author_id']).execute();
    },
  ],
  [
    'video-progress',
    async (db) => {
      await db.schema
        .createTable('video_progress')
        .addColumn('video_id', 'bigint', (c) => c.primaryKey())
        .addColumn('percent', 'integer', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .execute();
    },
  ],
  [
    'uploads',
    async (db) => {
      await db.schema
        .createTable('uploads')
        .addColumn('id', 'varchar(32)', (c) => c.primaryKey())
        .addColumn('user_id', 'bigint', (c) => c.notNull())
        .addColumn('size_bytes', 'bigint', (c) => c.notNull())
        .addColumn('title', 'varchar(255)', (c) => c.notNull())
        .addColumn('metadata', 'text', (c) => c.notNull())
        .addColumn('sha256', 'varchar(64)')
        .addColumn('state', 'varchar(16)', (c) => c.notNull())
        .addColumn('video_id', 'bigint')
        .addColumn('failure', 'varchar(64)')
        .addColumn('locked_by', 'varchar(64)')
        .addColumn('lock_until', 'bigint')
        .addColumn('lock_wanted', 'bigint')
        .addColumn('expires_at', 'bigint', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .execute();
    },
  ],
  [
    'uploads-by-user',
    async (db) => {
      await db.schema.createIndex('uploads_by_user').on('uploads').columns(['user_id', 'state']).execute();
    },
  ],
  [
    'uploads-by-expiry',
    async (db) => {
      await db.schema.createIndex('uploads_by_expiry').on('uploads').columns(['expires_at']).execute();
    },
  ],
  [
    'blob-audits',
    async (db) => {
      await db.schema
        .createTable('blob_audits')
        .addColumn('id', 'bigint', (c) => c.primaryKey())
        .addColumn('repair', 'integer', (c) => c.notNull())
        .addColumn('state', 'varchar(16)', (c) => c.notNull())
        .addColumn('position', 'varchar(255)', (c) => c.notNull())
        .addColumn('report', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .execute();
    },
  ],
];

export const media: Readonly<Record<string, Migration>> = Object.fromEntries(
  steps.map(([name, up], position) => [`0003-${String(position + 1).padStart(2, '0')}-${name}`, { up }]),
);
