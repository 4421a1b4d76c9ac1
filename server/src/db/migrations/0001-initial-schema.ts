import { type CreateTableBuilder, type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Tables } from '../tables.ts';

/**
 * One statement per migration, since MySQL commits each DDL statement by itself: whatever interrupts the run, the next
 * one goes on behind the last statement that was done.
 */
type Step = (db: Kysely<Tables>) => Promise<void>;
type Columns = CreateTableBuilder<string>;

const table = (name: string, columns: (builder: Columns) => CreateTableBuilder<string, string>): Step => {
  return async (db) => {
    await columns(db.schema.createTable(name)).execute();
  };
};
const index = (name: string, on: string, columns: string[], unique = false): Step => {
  return async (db) => {
    const builder = db.schema.createIndex(name).on(on).columns(columns);
    await (unique ? builder.unique() : builder).execute();
  };
};
const zero = sql`0`;

const steps: readonly (readonly [string, Step])[] = [
  [
    'users',
    table('users', (t) =>
      t
        .addColumn('id', 'bigint', (c) => c.primaryKey())
        .addColumn('name', 'varchar(64)', (c) => c.notNull())
        .addColumn('name_key', 'varchar(128)')
        .addColumn('password_hash', 'varchar(255)', (c) => c.notNull())
        .addColumn('token_version', 'integer', (c) => c.notNull())
        .addColumn('signature', 'varchar(255)', (c) => c.notNull())
        .addColumn('avatar_key', 'varchar(128)')
        .addColumn('background_key', 'varchar(128)')
        .addColumn('follow_count', 'bigint', (c) => c.notNull().defaultTo(zero))
        .addColumn('follower_count', 'bigint', (c) => c.notNull().defaultTo(zero))
        .addColumn('total_favorited', 'bigint', (c) => c.notNull().defaultTo(zero))
        .addColumn('work_count', 'bigint', (c) => c.notNull().defaultTo(zero))
        .addColumn('favorite_count', 'bigint', (c) => c.notNull().defaultTo(zero))
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('deleted_at', 'bigint'),
    ),
  ],
  ['users-by-name', index('users_by_name', 'users', ['name_key'], true)],
  [
    'videos',
    table('videos', (t) =>
      t
        .addColumn('id', 'bigint', (c) => c.primaryKey())
        .addColumn('author_id', 'bigint', (c) => c.notNull())
        .addColumn('title', 'varchar(255)', (c) => c.notNull())
        .addColumn('state', 'varchar(16)', (c) => c.notNull())
        .addColumn('failure', 'varchar(32)')
        .addColumn('published_at', 'bigint', (c) => c.notNull())
        .addColumn('play_key', 'varchar(128)', (c) => c.notNull())
        .addColumn('cover_key', 'varchar(128)')
        .addColumn('prepared_at', 'bigint')
        .addColumn('duration_ms', 'bigint', (c) => c.notNull())
        .addColumn('width', 'integer', (c) => c.notNull())
        .addColumn('height', 'integer', (c) => c.notNull())
        .addColumn('size_bytes', 'bigint', (c) => c.notNull())
        .addColumn('sha256', 'varchar(64)', (c) => c.notNull())
        .addColumn('favorite_count', 'bigint', (c) => c.notNull().defaultTo(zero))
        .addColumn('comment_count', 'bigint', (c) => c.notNull().defaultTo(zero)),
    ),
  ],
  ['videos-by-time', index('videos_by_time', 'videos', ['published_at'], true)],
  ['videos-by-state', index('videos_by_state', 'videos', ['state', 'published_at'])],
  ['videos-by-author', index('videos_by_author', 'videos', ['author_id', 'published_at'])],
  [
    'likes',
    table('likes', (t) =>
      t
        .addColumn('id', 'bigint', (c) => c.notNull())
        .addColumn('user_id', 'bigint', (c) => c.notNull())
        .addColumn('video_id', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('likes_key', ['user_id', 'video_id']),
    ),
  ],
  ['likes-by-user', index('likes_by_user', 'likes', ['user_id', 'id'])],
  ['likes-by-video', index('likes_by_video', 'likes', ['video_id', 'user_id'])],
  [
    'follows',
    table('follows', (t) =>
      t
        .addColumn('id', 'bigint', (c) => c.notNull())
        .addColumn('follower_id', 'bigint', (c) => c.notNull())
        .addColumn('followee_id', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('follows_key', ['follower_id', 'followee_id']),
    ),
  ],
  ['follows-by-follower', index('follows_by_follower', 'follows', ['follower_id', 'id'])],
  ['follows-by-followee', index('follows_by_followee', 'follows', ['followee_id', 'id'])],
  [
    'comments',
    table('comments', (t) =>
      t
        .addColumn('id', 'bigint', (c) => c.primaryKey())
        .addColumn('video_id', 'bigint', (c) => c.notNull())
        .addColumn('user_id', 'bigint', (c) => c.notNull())
        .addColumn('content', 'varchar(500)', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull()),
    ),
  ],
  ['comments-by-video', index('comments_by_video', 'comments', ['video_id', 'id'])],
  ['comments-by-user', index('comments_by_user', 'comments', ['user_id', 'id'])],
  [
    'messages',
    table('messages', (t) =>
      t
        .addColumn('id', 'bigint', (c) => c.primaryKey())
        .addColumn('low_user_id', 'bigint', (c) => c.notNull())
        .addColumn('high_user_id', 'bigint', (c) => c.notNull())
        .addColumn('from_user_id', 'bigint', (c) => c.notNull())
        .addColumn('content', 'varchar(1000)', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull()),
    ),
  ],
  [
    'messages-by-conversation',
    index('messages_by_conversation', 'messages', ['low_user_id', 'high_user_id', 'created_at'], true),
  ],
  [
    'conversations',
    table('conversations', (t) =>
      t
        .addColumn('low_user_id', 'bigint', (c) => c.notNull())
        .addColumn('high_user_id', 'bigint', (c) => c.notNull())
        .addColumn('last_message_id', 'bigint', (c) => c.notNull())
        .addColumn('last_message_at', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('conversations_key', ['low_user_id', 'high_user_id']),
    ),
  ],
  ['conversations-by-high', index('conversations_by_high', 'conversations', ['high_user_id', 'low_user_id'])],
  [
    'outbox',
    table('outbox', (t) =>
      t
        .addColumn('id', 'bigint', (c) => c.primaryKey())
        .addColumn('name', 'varchar(64)', (c) => c.notNull())
        .addColumn('payload', 'text', (c) => c.notNull())
        .addColumn('lane', 'varchar(16)', (c) => c.notNull())
        .addColumn('dedupe_key', 'varchar(128)')
        .addColumn('state', 'varchar(16)', (c) => c.notNull())
        .addColumn('run_at', 'bigint', (c) => c.notNull())
        .addColumn('attempts', 'integer', (c) => c.notNull())
        .addColumn('lease_until', 'bigint')
        .addColumn('last_error', 'varchar(500)')
        .addColumn('created_at', 'bigint', (c) => c.notNull()),
    ),
  ],
  ['outbox-by-time', index('outbox_by_time', 'outbox', ['state', 'run_at'])],
  ['outbox-by-dedupe', index('outbox_by_dedupe', 'outbox', ['dedupe_key'], true)],
  [
    'meta',
    table('meta', (t) =>
      t.addColumn('name', 'varchar(64)', (c) => c.primaryKey()).addColumn('value', 'varchar(255)', (c) => c.notNull()),
    ),
  ],
];

export const initialSchema: Readonly<Record<string, Migration>> = Object.fromEntries(
  steps.map(([name, up], position) => [`0001-${String(position + 1).padStart(2, '0')}-${name}`, { up }]),
);
