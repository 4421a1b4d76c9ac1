import { describe, expect, it } from 'vitest';
import type { Derived } from '../../db/index.ts';
import type { fileOwnerStore } from '../../store/index.ts';
import { planRepair } from './video-repair.ts';

const folder = 'videos/1/0123456789abcdef0123456789abcdef';
const derived: Derived = {
  ...{ folder, files: ['master.m3u8', 'play.mp4'], master: 'master.m3u8', renditions: [], covers: [], preview: null },
  ...{ thumbnails: null, loudness: null, sizeBytes: 2 },
};
/** As a packager leaves it: what is played lies in the package. */
const video: fileOwnerStore.VideoFiles = {
  ...{ id: 1, author_id: 2, state: 'ready', failure: null, prepared_at: 3 },
  ...{ play_key: `${folder}/play.mp4`, received_key: 'videos/1/received.webm', cover_key: 'videos/1/cover.jpg' },
  derived: JSON.stringify(derived),
};
const [play, master] = [`${folder}/play.mp4`, `${folder}/master.m3u8`];
const [received, cover] = ['videos/1/received.webm', 'videos/1/cover.jpg'];
const sizes = (...keys: string[]): Map<string, number> => new Map(keys.map((key) => [key, 9]));

it('has nothing to do where all that is needed is there', () => {
  expect(planRepair(video, sizes(play, master, cover))).toBe(undefined);
  const young = { ...video, state: 'uploaded', derived: null, received_key: null, cover_key: null } as const;
  expect(planRepair(young, sizes(play))).toBe(undefined);
});

describe('what is played is gone', () => {
  it('goes back to what was received, which nobody sees until it is prepared', () => {
    expect(planRepair(video, sizes(received, master, cover))).toEqual({
      missing: ['play', 'package'],
      remedy: 'received',
      changes: {
        ...{ state: 'uploaded', failure: null, play_key: received, received_key: null, size_bytes: 9 },
        ...{ derived: null, prepared_at: null },
      },
      jobs: ['video.prepare'],
    });
  });

  it('is lost without that, and says so once', () => {
    const plan = planRepair(video, sizes(cover));
    expect(plan).toMatchObject({ remedy: 'failed', changes: { state: 'failed', failure: 'missing', derived: null } });
    expect(plan?.changes).not.toHaveProperty('cover_key');
    const lost = { ...video, state: 'failed', failure: 'missing', derived: null, prepared_at: null } as const;
    expect(planRepair(lost, sizes(cover))).toBe(undefined);
    expect(planRepair(lost, sizes(received))).toEqual({
      ...{ missing: ['cover'], remedy: 'cleared', jobs: [] },
      changes: { cover_key: null, placeholder: null },
    });
  });
});

describe('what is played is there', () => {
  it('is what the package and the cover are made from again', () => {
    expect(planRepair(video, sizes(play))).toEqual({
      missing: ['package', 'cover'],
      remedy: 'prepare',
      changes: { derived: null, prepared_at: null, cover_key: null, placeholder: null },
      jobs: ['video.prepare', 'video.cover'],
    });
  });

  it('is not prepared again behind the back of an author whose video failed', () => {
    const failed = { ...video, state: 'failed', failure: 'internal' } as const;
    expect(planRepair(failed, sizes(play, cover))).toMatchObject({ remedy: 'prepare', jobs: [] });
  });
});
