import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  feedHeadFamily,
  mediaPath,
  monthAndDayIn,
  placeholderCoverPath,
  presentFriend,
  presentMessage,
  presentUser,
  presentVideo,
  type UserFacts,
  userFamily,
  userIsVisible,
  type VideoFacts,
  type Viewer,
  videoFamily,
  videoIsVisible,
} from './index.ts';

const user: UserFacts = {
  id: 1,
  name: '名字',
  token_version: 1,
  signature: 'hello',
  avatar_key: 'users/1/a.jpg',
  background_key: null,
  follow_count: 2,
  follower_count: 3,
  total_favorited: 4,
  work_count: 5,
  favorite_count: 6,
  created_at: 7,
  deleted_at: null,
};
const video: VideoFacts & { state: 'ready' } = {
  id: 10,
  author_id: 1,
  title: 'title',
  state: 'ready',
  failure: null,
  published_at: 1_767_225_600_000,
  play_key: 'videos/10/a.mp4',
  received_key: null,
  cover_key: null,
  placeholder: null,
  derived: null,
  prepared_at: null,
  duration_ms: 1_000,
  width: 64,
  height: 36,
  size_bytes: 100,
  sha256: '',
  favorite_count: 1,
  comment_count: 2,
};
const viewer: Viewer = { userId: 2, baseUrl: 'https://example.org', language: 'en' };
const nothing = { liked: new Set<number>(), followed: new Set<number>() };

describe('rules', () => {
  const states = ['ready', 'processing', 'failed', 'deleted'] as const;
  it.each(states.flatMap((state) => [undefined, 1, 2].map((viewerId) => [state, viewerId] as const)))(
    'a video that is %s, seen by %s',
    (state, viewerId) => {
      const expected = state === 'ready' || (state !== 'deleted' && viewerId === user.id);
      expect(videoIsVisible({ ...video, state }, user, viewerId)).toBe(expected);
      expect(videoIsVisible({ ...video, state }, { ...user, deleted_at: 1 }, viewerId)).toBe(false);
      expect(videoIsVisible({ ...video, state }, undefined, viewerId)).toBe(false);
    },
  );

  it('shows neither what does not exist nor a closed account', () => {
    expect(videoIsVisible(undefined, user, 1)).toBe(false);
    expect(userIsVisible(undefined)).toBe(false);
    expect(userIsVisible({ ...user, deleted_at: 1 })).toBe(false);
    expect(userIsVisible(user)).toBe(true);
  });
});

describe('presentation', () => {
  it('makes absolute addresses of keys, and "" where there is none', () => {
    const shown = presentUser(user, nothing, viewer);
    expect(shown.avatar).toBe(`https://example.org${mediaPath}users/1/a.jpg`);
    expect(shown.background_image).toBe('');
  });

  it('always has a cover', () => {
    expect(presentVideo(video, user, nothing, viewer).cover_url).toBe(`https://example.org${placeholderCoverPath}`);
    const covered = presentVideo({ ...video, cover_key: 'videos/10/c.jpg' }, user, nothing, viewer);
    expect(covered.cover_url).toBe('https://example.org/media/videos/10/c.jpg');
  });

  it('says what the viewer likes and follows, and nothing of a failure but words', () => {
    const facts = { liked: new Set([10]), followed: new Set([1]) };
    const shown = presentVideo({ ...video, state: 'failed', failure: 'too-long' }, user, facts, viewer);
    expect(shown).toMatchObject({ is_favorite: true, author: { is_follow: true }, state: 'failed' });
    expect(shown.failure).toContain('longer');
    const chinese = presentVideo({ ...video, failure: 'too-long' }, user, facts, { ...viewer, language: 'zh' });
    expect(chinese.failure).toContain('时长');
    expect(presentVideo(video, user, nothing, viewer)).toMatchObject({ is_favorite: false, failure: '' });
  });

  it('says who sent a message to whom', () => {
    const message = { id: 1, low_user_id: 3, high_user_id: 8, content: 'hi', created_at: 5 };
    expect(presentMessage({ ...message, from_user_id: 3 })).toMatchObject({ from_user_id: 3, to_user_id: 8 });
    expect(presentMessage({ ...message, from_user_id: 8 })).toMatchObject({ from_user_id: 8, to_user_id: 3 });
    const latest = { ...message, from_user_id: 2 };
    expect(presentFriend(user, latest, nothing, viewer)).toMatchObject({ message: 'hi', msgType: 1 });
    expect(presentFriend(user, { ...latest, from_user_id: 1 }, nothing, viewer)).toMatchObject({ msgType: 0 });
    expect(presentFriend(user, undefined, nothing, viewer)).toMatchObject({ message: '', msgType: 0 });
  });

  it('writes month and day in the time zone of the server', () => {
    const newYear = Date.parse('2025-12-31T20:00:00Z');
    expect(monthAndDayIn('UTC')(newYear)).toBe('12-31');
    expect(monthAndDayIn('Asia/Shanghai')(newYear)).toBe('01-01');
    expect(monthAndDayIn(undefined)(newYear)).toMatch(/^(?:12-31|01-01)$/);
    const format = monthAndDayIn('America/New_York');
    fc.assert(fc.property(fc.date({ noInvalidDate: true }), (date) => /^\d{2}-\d{2}$/.test(format(date.getTime()))));
  });
});

describe('cached families', () => {
  it('come back from text as they were', () => {
    expect(userFamily.decode(userFamily.encode(user))).toEqual(user);
    expect(videoFamily.decode(videoFamily.encode({ ...video, failure: 'internal' }))).toEqual({
      ...video,
      failure: 'internal',
    });
    expect(userFamily.decode(userFamily.encode(null))).toBe(null);
    expect(videoFamily.decode(videoFamily.encode(null))).toBe(null);
    expect(feedHeadFamily.decode(feedHeadFamily.encode([{ id: 1, publishedAt: 2 }]))).toEqual([
      { id: 1, publishedAt: 2 },
    ]);
  });

  it('take text of another version for a miss, and never throw', () => {
    const families = [userFamily, videoFamily, feedHeadFamily];
    const { name: _name, ...nameless } = user;
    expect(userFamily.decode(JSON.stringify(nameless))).toBeUndefined();
    expect(videoFamily.decode(JSON.stringify({ ...video, state: 'archived' }))).toBeUndefined();
    expect(feedHeadFamily.decode('null')).toBeUndefined();
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        for (const family of families) {
          const value = family.decode(text);
          expect(value === undefined || value === null || Array.isArray(value)).toBe(true);
        }
      }),
    );
  });
});
