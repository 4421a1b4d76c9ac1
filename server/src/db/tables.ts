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

/**
 * `uploaded → processing → ready | failed`; a video that browsers play as it was received is ready at once, and stays so
 * while what is made from it is made.
 */
export type VideoState = 'uploaded' | 'processing' | 'ready' | 'failed' | 'deleted';

/** Why a video cannot be played; turned into words when it is shown. `missing`: its file is gone from the storage. */
export type VideoFailure = 'undecodable' | 'too-long' | 'incomplete' | 'missing' | 'internal';

export type VideoRow = {
  id: number;
  author_id: number;
  title: string;
  state: VideoState;
  failure: VideoFailure | null;
  /** Unique: paging by it neither repeats nor skips. */
  published_at: number;
  play_key: string;
  /** The file as it was received, once another has taken its place: addresses of it lead to that one. */
  received_key: string | null;
  /** Null until a cover has been made; a placeholder is shown instead. */
  cover_key: string | null;
  /** BlurHash of the cover; null as long as there is no cover. */
  placeholder: string | null;
  /** What was made for adaptive playback, as JSON (`derived.ts`); null until then. */
  derived: string | null;
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

/** How far processing has come, in percent; beside the video, because it changes every second and nobody caches it. */
export type VideoProgressRow = { video_id: number; percent: number; updated_at: number };

/** `complete`: all bytes are there, and it is being published. A row stays until it expires, to say what became of it. */
export type UploadState = 'open' | 'complete' | 'published' | 'refused';

/** A resumable upload. */
export type UploadRow = {
  /** 128 random bits in hex: who knows it and has its owner's token may go on with it. */
  id: string;
  user_id: number;
  size_bytes: number;
  title: string;
  /** As the client gave it, in tus' own form, but for a token. */
  metadata: string;
  /** Hex SHA-256 that the content is said to have; null where the client said nothing. */
  sha256: string | null;
  state: UploadState;
  /** Of what is published. */
  video_id: number | null;
  /** The row of the error table, of what is refused. */
  failure: string | null;
  /** Who writes or publishes it, until `lock_until`. */
  locked_by: string | null;
  lock_until: number | null;
  /** When somebody else last asked for the lock; null if nobody has since it was taken. */
  lock_wanted: number | null;
  expires_at: number;
  created_at: number;
};

/** `failed`: its job was given up; what it had found until then is in the report. */
export type BlobAuditState = 'waiting' | 'running' | 'done' | 'failed';

/** A comparison of rows and files: what was asked, how far it has come, what it found. */
export type BlobAuditRow = {
  id: number;
  /** 1 if it was told to repair what it finds, else 0. */
  repair: number;
  state: BlobAuditState;
  /** The last key that it has compared; empty before the first. */
  position: string;
  /** As JSON (`jobs/audit-report.ts`). */
  report: string;
  created_at: number;
  updated_at: number;
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
  video_progress: VideoProgressRow;
  uploads: UploadRow;
  blob_audits: BlobAuditRow;
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
