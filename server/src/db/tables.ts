import type { Generated, Kysely, Transaction as KyselyTransaction } from 'kysely';

/**
 * The rows, as both engines store them. Ids are made by the application; moments are milliseconds since 1970; counters
 * change in the transaction that inserts or deletes the rows that they count.
 */
export type UserRow = {
  id: number;
  name: string;
  /** Folded name that logins and uniqueness go by; null once the account is deleted, which frees the name. */
  name_key: string | null;
  password_hash: string;
  /** Part of every token: raising it ends all sessions. */
  token_version: number;
  signature: string;
  avatar_key: string | null;
  background_key: string | null;
  follow_count: number;
  follower_count: number;
  total_favorited: number;
  work_count: number;
  favorite_count: number;
  created_at: number;
  deleted_at: number | null;
};

export type VideoState = 'processing' | 'ready' | 'failed' | 'deleted';

/** Why a video could not be made playable; turned into words when it is shown. */
export type VideoFailure = 'undecodable' | 'too-long' | 'incomplete' | 'internal';

export type VideoRow = {
  id: number;
  author_id: number;
  title: string;
  state: VideoState;
  failure: VideoFailure | null;
  /** Unique: paging by it neither repeats nor skips. */
  published_at: number;
  play_key: string;
  /** Null until a cover has been made; a placeholder is shown instead. */
  cover_key: string | null;
  /** When the file that was received gave way to the one made from it; null until then. */
  prepared_at: number | null;
  duration_ms: number;
  width: number;
  height: number;
  size_bytes: number;
  sha256: string;
  favorite_count: number;
  comment_count: number;
};

export type LikeRow = { id: number; user_id: number; video_id: number };
export type FollowRow = { id: number; follower_id: number; followee_id: number };
export type CommentRow = { id: number; video_id: number; user_id: number; content: string; created_at: number };

/** `low_user_id` < `high_user_id` name the conversation whoever speaks; `created_at` is unique within it. */
export type MessageRow = {
  id: number;
  low_user_id: number;
  high_user_id: number;
  from_user_id: number;
  content: string;
  created_at: number;
};
export type ConversationRow = {
  low_user_id: number;
  high_user_id: number;
  last_message_id: number;
  last_message_at: number;
};

export type OutboxState = 'pending' | 'dead';
export type OutboxRow = {
  id: number;
  name: string;
  payload: string;
  lane: string;
  /** At most one row of a key exists; a second insert does nothing. */
  dedupe_key: string | null;
  state: OutboxState;
  run_at: number;
  attempts: number;
  /** Until then a worker has it; null when nobody has. */
  lease_until: number | null;
  last_error: string | null;
  created_at: number;
};

/** What a writer adds stays as it is; who runs a job is noted by the worker that takes it. */
export type OutboxTable = OutboxRow & {
  /** The run that has the row until `lease_until`; null when nobody runs it, though it may be on its way to a worker. */
  claimed_by: Generated<string | null>;
};

/** A number that a process makes its ids with. Every number has a row from the start. */
export type ProcessRow = {
  node: number;
  /** Random, of the process that has it, or had it when it died; empty when nobody has. */
  owner: string;
  role: string;
  /** No id with this number is of this moment or later, unless its owner extends the lease. */
  lease_until: number;
};

export type MetaRow = { name: string; value: string };

export type Tables = {
  users: UserRow;
  videos: VideoRow;
  likes: LikeRow;
  follows: FollowRow;
  comments: CommentRow;
  messages: MessageRow;
  conversations: ConversationRow;
  outbox: OutboxTable;
  meta: MetaRow;
  processes: ProcessRow;
};

/** What a query that only reads asks for; a transaction is one as well. */
export type Reader = Kysely<Tables>;
/** What a query that writes asks for: it cannot be called without one. */
export type Transaction = KyselyTransaction<Tables>;
