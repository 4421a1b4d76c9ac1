import { Type } from 'typebox';
import { Compile } from 'typebox/schema';
import { type CommentRow, Derived, type UserRow, type VideoRow } from '../db/index.ts';
import type { CacheFamily, CacheKey } from '../ports/index.ts';
import type { VideoEntry } from '../store/video.store.ts';

/**
 * What is cached, under which key and for how long. The lives are long because every write deletes what it makes old;
 * they only bound how long something that nobody asks for lies around.
 */
const hourMs = 60 * 60_000;

/** Public facts of a user: what everyone may see and what a token is checked against. Never the password. */
export type UserFacts = Omit<UserRow, 'password_hash' | 'name_key'>;
/** A row, with what it holds as JSON read. */
export type VideoFacts = Omit<VideoRow, 'derived'> & { derived: Derived | null };
/** Whom or what one viewer chose, latest first: all of it, or as much as is kept. */
export type ChosenSet = { readonly ids: number[]; readonly complete: boolean };
/** The first page of a list of comments. */
export type CommentHead = { readonly rows: CommentRow[]; readonly next: string };

const integer = Type.Integer();
const nullableText = Type.Union([Type.String(), Type.Null()]);

const userFacts = Compile(
  Type.Union([
    Type.Null(),
    Type.Object({
      id: integer,
      name: Type.String(),
      token_version: integer,
      signature: Type.String(),
      avatar_key: nullableText,
      background_key: nullableText,
      follow_count: integer,
      follower_count: integer,
      total_favorited: integer,
      work_count: integer,
      favorite_count: integer,
      created_at: integer,
      deleted_at: Type.Union([integer, Type.Null()]),
    }),
  ]),
);

const videoFacts = Compile(
  Type.Union([
    Type.Null(),
    Type.Object({
      id: integer,
      author_id: integer,
      title: Type.String(),
      state: Type.Enum(['uploaded', 'processing', 'ready', 'failed', 'deleted']),
      failure: Type.Union([Type.Enum(['undecodable', 'too-long', 'incomplete', 'missing', 'internal']), Type.Null()]),
      published_at: integer,
      play_key: Type.String(),
      received_key: nullableText,
      cover_key: nullableText,
      placeholder: nullableText,
      derived: Type.Union([Derived, Type.Null()]),
      prepared_at: Type.Union([integer, Type.Null()]),
      duration_ms: integer,
      width: integer,
      height: integer,
      size_bytes: integer,
      sha256: Type.String(),
      favorite_count: integer,
      comment_count: integer,
    }),
  ]),
);

const chosenSet = Compile(Type.Object({ ids: Type.Array(integer), complete: Type.Boolean() }));

const commentHead = Compile(
  Type.Object({
    rows: Type.Array(
      Type.Object({
        id: integer,
        video_id: integer,
        user_id: integer,
        content: Type.String(),
        created_at: integer,
      }),
    ),
    next: Type.String(),
  }),
);

const feedHead = Compile(Type.Array(Type.Object({ id: integer, publishedAt: integer })));

function family<V>(
  name: string,
  ttlMs: number,
  maxEntries: number,
  schema: { Check(value: unknown): value is V },
): CacheFamily<V> {
  return {
    name,
    ttlMs,
    maxEntries,
    encode: (value) => JSON.stringify(value),
    decode: (text) => {
      try {
        const value: unknown = JSON.parse(text);
        return schema.Check(value) ? value : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

/** `null` records that there is no such row, so that asking for it again costs nothing. */
export const userFamily: CacheFamily<UserFacts | null> = family('user', 6 * hourMs, 50_000, userFacts);
export const videoFamily: CacheFamily<VideoFacts | null> = family('video', 6 * hourMs, 50_000, videoFacts);
/** The newest entries of the feed, one full page. */
export const feedHeadFamily: CacheFamily<VideoEntry[]> = family('feed', hourMs, 1, feedHead);

/** What a viewer likes, and whom one follows. */
export const likedFamily: CacheFamily<ChosenSet> = family('liked', 6 * hourMs, 5_000, chosenSet);
export const followedFamily: CacheFamily<ChosenSet> = family('followed', 6 * hourMs, 5_000, chosenSet);
export const commentHeadFamily: CacheFamily<CommentHead> = family('comments', 6 * hourMs, 2_000, commentHead);

export const likedKey = (userId: number): CacheKey => ({ family: likedFamily.name, id: String(userId) });
export const followedKey = (userId: number): CacheKey => ({ family: followedFamily.name, id: String(userId) });
export const commentHeadKey = (videoId: number): CacheKey => ({ family: commentHeadFamily.name, id: String(videoId) });
export const userKey = (id: number): CacheKey => ({ family: userFamily.name, id: String(id) });
export const videoKey = (id: number): CacheKey => ({ family: videoFamily.name, id: String(id) });
export const feedHeadId = 'head';
export const feedHeadKey: CacheKey = { family: feedHeadFamily.name, id: feedHeadId };
