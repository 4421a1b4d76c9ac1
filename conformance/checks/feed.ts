/** Section 3, feed/: order, `latest_time`, `next_time`, and paging without a video that repeats or is missing. */
import { limits } from '@tiktok-server/contract';
import { CheckFailure, checksOf, Unchecked } from '../check.ts';
import type { Reply, Row } from '../client.ts';
import { expect, findById, idOf, idsOf, listOf, numberIn } from '../expect.ts';
import { bearPart, field, type Kit, randomText, type TestVideo } from '../kit.ts';

const dayMs = 24 * 3_600_000;
/** How far a publish time may be from the moment at which the kit looks: a slow upload and a clock that is off. */
const searchMs = 15 * 60_000;
const fillUploadsAtOnce = 2;

/** Now, by the server's clock if its Date header says something else than ours. */
function nowOf(reply: Reply): number {
  const serverMs = Date.parse(reply.headers['date'] ?? '');
  return Math.abs(serverMs - Date.now()) > 3_000 ? serverMs : Date.now();
}

async function feedAt(kit: Kit, latestTime: string | number | undefined, token?: string) {
  const reply = await kit.op('feed', { latest_time: latestTime }, token);
  return { reply, videos: listOf(reply, 'video_list') };
}

const shows = (videos: readonly Row[], id: number): boolean => findById(videos, id) !== undefined;

/**
 * The first `latest_time` at which the feed shows a video: the millisecond after its publish time. Every feed that is
 * asked for ends at that moment, so newer videos do not push it off the page.
 */
async function firstShown(kit: Kit, id: number, absentMs: number, presentMs: number): Promise<Shown> {
  const before = await feedAt(kit, absentMs);
  expect(before.reply, !shows(before.videos, id), `no video ${id}, which was published later`);
  let [absent, present] = [absentMs, presentMs];
  let { reply, videos } = await feedAt(kit, present);
  expect(reply, shows(videos, id), `video ${id}, which was published before`);
  while (present - absent > 1) {
    const middle = Math.floor((absent + present) / 2);
    const page = await feedAt(kit, middle);
    if (shows(page.videos, id)) {
      present = middle;
      ({ reply, videos } = page);
    } else {
      absent = middle;
    }
  }
  return { reply, videos, timeMs: present };
}

type Shown = { readonly reply: Reply; readonly videos: readonly Row[]; readonly timeMs: number };

/** The same for a video that the kit has published. */
async function publishedAt(kit: Kit, video: TestVideo): Promise<Shown> {
  const now = nowOf((await feedAt(kit, undefined)).reply);
  return await firstShown(kit, video.id, now - searchMs, now);
}

/** A feed that goes on after its first page, which other checks need. */
async function fullPage(kit: Kit): Promise<{ readonly reply: Reply; readonly videos: readonly Row[] }> {
  let { reply, videos } = await feedAt(kit, undefined);
  const missing = limits.feedPageVideos + 1 - videos.length;
  if (videos.length < limits.feedPageVideos && !kit.fill) {
    throw new Unchecked(
      `the feed has fewer than ${limits.feedPageVideos} videos: --fill uploads ${missing} to find out`,
    );
  }
  const author = await kit.alice();
  for (let left = missing; left > 0 && kit.fill; left -= fillUploadsAtOnce) {
    const titles = Array.from({ length: Math.min(left, fillUploadsAtOnce) }, () => `Filler ${randomText(8)}`);
    const uploads = titles.map((title) =>
      kit.publish(author, title, [field('token', author.token), field('title', title), bearPart]),
    );
    await Promise.all(uploads);
  }
  ({ reply, videos } = await feedAt(kit, undefined));
  if (videos.length < limits.feedPageVideos) throw new Unchecked('the feed has only one page');
  return { reply, videos };
}

export const feedChecks = checksOf('operations', [
  {
    id: 'feed.answers',
    title: `feed/ answers with at most ${limits.feedPageVideos} videos and next_time`,
    why: 'It is the first thing that the app asks for.',
    fix: 'Answer video_list ([] if there is none) and next_time, without asking for a token.',
    run: async (kit) => {
      const { reply, videos } = await feedAt(kit, undefined);
      expect(reply, videos.length <= limits.feedPageVideos, `at most ${limits.feedPageVideos} videos`);
      numberIn(reply, reply.body, 'next_time');
    },
  },
  {
    id: 'feed.newest-first',
    title: 'a new video is in the feed of everyone, newest first',
    why: 'People look for what is new.',
    fix: 'Order by publish time, newest first, and show a video as soon as its file is stored.',
    run: async (kit) => {
      const [first, twins] = [await kit.video(), await kit.twins()];
      for (const token of [undefined, (await kit.bob()).token]) {
        const { reply, videos } = await feedAt(kit, undefined, token);
        const ids = idsOf(videos);
        for (const { id } of [first, ...twins]) expect(reply, ids.includes(id), `video ${id}, published just before`);
        const holds = twins.every(({ id }) => ids.indexOf(id) < ids.indexOf(first.id));
        expect(reply, holds, `video ${first.id} after ${twins.map(({ id }) => id).join(' and ')}, which are newer`);
        expect(reply, new Set(ids).size === ids.length, 'every video once');
      }
    },
  },
  {
    id: 'feed.latest-time-junk',
    title: 'latest_time that is missing, empty, junk, ≤ 0 or in the future means now',
    why: 'The app sends an empty text at first and the time of its own clock later; neither may empty the feed.',
    fix: 'Parse latest_time leniently: on any error, on ≤ 0 and on a moment in the future use the present moment.',
    run: async (kit) => {
      const video = await kit.video();
      const now = nowOf((await feedAt(kit, undefined)).reply);
      const future = [now + dayMs, Math.floor((now + dayMs) / 1000), '9e15', (now + dayMs).toExponential()];
      for (const junk of [
        undefined,
        '',
        ' ',
        'abc',
        '0',
        '-1',
        '1.5',
        'NaN',
        '1e400',
        '99999999999999999999',
        ...future,
      ]) {
        const { reply, videos } = await feedAt(kit, junk);
        expect(reply, shows(videos, video.id), `the newest videos, video ${video.id} too: this latest_time means now`);
      }
    },
  },
  {
    id: 'feed.latest-time-ms',
    title: 'latest_time ≥ 1e11 is milliseconds: only older videos come',
    why: 'The app pages with the next_time that it was given.',
    fix: 'Compare with the publish time in milliseconds: WHERE published_at < latest_time.',
    run: async (kit) => {
      const video = await kit.video();
      const { timeMs } = await publishedAt(kit, video);
      for (const [time, shown] of [
        [timeMs + 5, true],
        [(timeMs + 5).toExponential(), true],
        [timeMs - 5, false],
        [(timeMs - 5).toExponential(), false],
      ] as const) {
        const { reply, videos } = await feedAt(kit, time);
        const wanted = `video ${video.id} ${shown ? '' : 'not '}to be there: it was published ${shown ? 'before' : 'after'}`;
        expect(reply, shows(videos, video.id) === shown, wanted);
      }
    },
  },
  {
    id: 'feed.latest-time-seconds',
    title: 'latest_time < 1e11 is seconds',
    why: 'Old versions of the app and the course’s own examples send seconds.',
    fix: 'Multiply by 1000 what is smaller than 100000000000.',
    run: async (kit) => {
      const video = await kit.video();
      const { timeMs } = await publishedAt(kit, video);
      const seconds = Math.floor(timeMs / 1000);
      const before = await feedAt(kit, seconds - 1);
      const wanted = `no video ${video.id}, which was published in second ${seconds}`;
      expect(before.reply, !shows(before.videos, video.id), wanted);
      const after = await feedAt(kit, seconds + 1);
      expect(after.reply, shows(after.videos, video.id), `video ${video.id}: it was published in second ${seconds}`);
      // Ages ago, however the server counts: nothing is older than one second after 1970.
      const first = await feedAt(kit, 1);
      expect(first.reply, first.videos.length === 0, 'no video: none is older than the first second of 1970');
    },
  },
  {
    id: 'feed.next-time',
    fault: 'next-time-reset',
    title: 'next_time is in milliseconds: the oldest of a full page, else now',
    why: 'With 0 or the newest, the app shows the same page for ever.',
    fix: 'Take the publish time of the last video of a full page; if the page is not full, the present moment, so that the app starts over.',
    run: async (kit) => {
      await kit.video();
      const { reply, videos } = await feedAt(kit, undefined);
      const next = numberIn(reply, reply.body, 'next_time');
      const now = nowOf(reply);
      expect(reply, next > 1e11 && next <= now + dayMs, `"next_time" in milliseconds since 1970, not after ${now}`);
      const end = await feedAt(kit, 1);
      const nextOfEnd = numberIn(end.reply, end.reply.body, 'next_time');
      const isNow = Math.abs(nextOfEnd - nowOf(end.reply)) < 60_000;
      expect(end.reply, isNow, `"next_time" to be now (about ${nowOf(end.reply)}) when the page is not full`);
      if (videos.length < limits.feedPageVideos) {
        expect(reply, Math.abs(next - now) < 60_000, `"next_time" to be now (about ${now}): the page is not full`);
        return;
      }
      const oldest = idOf(videos.at(-1));
      const older = await feedAt(kit, next);
      expect(
        older.reply,
        !shows(older.videos, oldest),
        `only videos that are older than ${oldest}, the last of the page`,
      );
      const again = await feedAt(kit, next + 1);
      const holds = shows(again.videos, oldest);
      expect(again.reply, holds, `video ${oldest}: "next_time" was ${next}, to be its exact publish time`);
    },
  },
  {
    id: 'feed.unique-times',
    fault: 'same-instant',
    title: 'two videos never share a publish millisecond',
    why: 'Pages end at a publish time: of two videos with the same one, the second is skipped or the first repeated.',
    fix: 'Store publish times in milliseconds and make them unique: now, or one more than the newest if that is not later.',
    run: async (kit) => {
      const found = [];
      for (const video of await kit.twins()) found.push({ video, ...(await publishedAt(kit, video)) });
      const [one, other] = found;
      if (one === undefined || other === undefined || one.timeMs !== other.timeMs) return;
      const both = `videos ${one.video.id} and ${other.video.id}`;
      throw new CheckFailure({
        sent: `two uploads at the same moment, then: ${other.reply.sent}`,
        received: `${both} both appear at latest_time=${one.timeMs} and neither at ${one.timeMs - 1}`,
        wanted: `${both} to have publish times that differ by a millisecond or more`,
      });
    },
  },
  {
    id: 'feed.page-boundary',
    fault: 'same-instant',
    title: 'paging with next_time repeats no video and skips none',
    why: 'The app pages like this; a repeated video is annoying, a skipped one is never seen.',
    fix: 'Return strictly older videos than latest_time (< and not <=), and next_time = the exact publish time of the oldest.',
    run: async (kit) => {
      const { reply, videos } = await fullPage(kit);
      const next = numberIn(reply, reply.body, 'next_time');
      const second = await feedAt(kit, next);
      const third = await feedAt(kit, numberIn(second.reply, second.reply.body, 'next_time'));
      const walked = [...idsOf(videos), ...idsOf(second.videos)];
      const isLast = second.videos.length < limits.feedPageVideos;
      for (const [page, before] of [[second, idsOf(videos)], ...(isLast ? [] : [[third, walked] as const])] as const) {
        const repeated = idsOf(page.videos).find((id) => before.includes(id));
        expect(
          page.reply,
          repeated === undefined,
          'only videos that were on no page before',
          `video ${repeated} again`,
        );
      }
      // A page that begins in the middle of the first one has what lies at its boundary in its own middle.
      const start = Math.floor(limits.feedPageVideos / 2);
      const middle = walked[start] ?? Number.NaN;
      const across = await firstShown(kit, middle, next, nowOf(reply));
      const wanted = idsOf(across.videos).slice(0, walked.length - start);
      const skipped = wanted.find((id) => !walked.includes(id));
      expect(second.reply, skipped === undefined, `video ${skipped}, as after ${across.reply.sent}`, 'it is skipped');
      const holds = JSON.stringify(walked.slice(start, start + wanted.length)) === JSON.stringify(wanted);
      expect(second.reply, holds, `the order of ${across.reply.sent}: ${wanted.join(', ')}`);
    },
  },
]);
