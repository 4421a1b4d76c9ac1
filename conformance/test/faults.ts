/** The known faults of other backends, section 5 of the contract, each with the checks that have to find it. */
import { operations } from '@tiktok-server/contract';
import type { Row } from '../client.ts';
import { type Answer, answerOf, rowOf } from './faulty-proxy.ts';
import { asks, eachObject, type FaultCase, json, refusal, rowsOf, success } from './tampering.ts';

const { chat, comment, feed, follow, followerList, like, likeList, publish, user } = operations;
const isVideo = (row: Row): boolean => 'play_url' in row;

export const sectionFiveFaults: readonly FaultCase[] = [
  {
    name: 'status_code is left out when it is 0',
    says: '"status_code" is missing',
    checks: ['envelope.status-code'],
    make: () =>
      json((body) => {
        if (body['status_code'] === 0) delete body['status_code'];
      }),
  },
  {
    name: 'an existing user is HTTP 400',
    says: 'HTTP 200 for an existing user',
    checks: ['envelope.http-200', 'course.user'],
    make: () => ({
      answer: (answer) => (rowOf(answer)?.['status_code'] === 110002 ? { ...answer, status: 400 } : answer),
    }),
  },
  {
    name: 'user/ demands user_id',
    says: 'GET /douyin/user/?token=',
    checks: ['users.own-without-id'],
    make: () => asks(({ path, query }) => (path === user.path && !query.get('user_id') ? refusal() : undefined)),
  },
  {
    name: 'comment/action answers no comment',
    says: '"comment" is missing',
    checks: ['comments.add', 'course.interaction'],
    make: () =>
      json((body) => {
        delete body['comment'];
      }, comment.path),
  },
  {
    name: 'create_time is text',
    says: /"create_time" of message is the text/,
    checks: ['objects.message'],
    make: () =>
      json((body) => {
        for (const row of rowsOf(body, 'message_list')) row['create_time'] = String(row['create_time']);
      }, chat.path),
  },
  {
    name: 'a pair of users has one message ever',
    says: 'exactly: "one", "two"',
    checks: ['messages.send'],
    make: () =>
      json((body) => {
        body['message_list'] = rowsOf(body, 'message_list').slice(0, 1);
      }, chat.path),
  },
  {
    name: 'a second follow is an error',
    says: 'the second time too',
    checks: ['follows.idempotent'],
    make: () => {
      const seen = new Set<string>();
      return asks(({ path, query }) => {
        if (path !== follow.path) return undefined;
        if (seen.has(query.toString())) return refusal('Duplicate');
        seen.add(query.toString());
        return undefined;
      });
    },
  },
  {
    name: 'a second like counts twice',
    says: '"favorite_count"',
    checks: ['likes.idempotent'],
    make: () => {
      let likes = 0;
      return {
        request: ({ path, query }) => {
          if (path === like.path) likes += query.get('action_type') === '1' ? 1 : -1;
          return undefined;
        },
        ...eachObject((row) => {
          if (isVideo(row)) row['favorite_count'] = likes;
        }),
      };
    },
  },
  {
    name: 'every follower is shown as followed',
    says: '"is_follow": false',
    checks: ['follows.flags'],
    make: () =>
      json((body) => {
        for (const row of rowsOf(body, 'user_list')) row['is_follow'] = true;
      }, followerList.path),
  },
  {
    name: 'lists are of oneself only',
    says: /exactly|users|videos|video \d+ of user/,
    checks: ['follows.any-user', 'likes.list-of-user', 'videos.list-of-user'],
    make: () =>
      asks(({ path, query }) => {
        if (path.endsWith('/list/') && query.has('token')) query.delete('user_id');
        return undefined;
      }),
  },
  {
    name: 'pre_msg_time is ignored',
    says: 'newer, and addressed to user',
    checks: ['messages.poll'],
    make: () =>
      asks(({ query }) => {
        query.delete('pre_msg_time');
        return undefined;
      }),
  },
  {
    name: 'pre_msg_time gives the caller’s own messages as well',
    says: 'newer, and addressed to user',
    checks: ['messages.poll'],
    make: () => ({
      request: (request) => {
        const after = Number(request.query.get('pre_msg_time') ?? 0);
        if (request.path !== chat.path) return undefined;
        request.query.delete('pre_msg_time');
        request.query.set('after', String(after));
        return undefined;
      },
      ...json((body, { query }) => {
        const after = Number(query.get('after'));
        body['message_list'] = rowsOf(body, 'message_list').filter((row) => Number(row['create_time']) > after);
      }, chat.path),
    }),
  },
  {
    name: 'the next page begins with the last video of the one before',
    says: 'only videos that',
    checks: ['feed.page-boundary', 'feed.next-time'],
    make: () =>
      asks(({ path, query }) => {
        const time = query.get('latest_time');
        if (path === feed.path && time !== null) query.set('latest_time', String(Number(time) + 1));
        return undefined;
      }),
  },
  {
    name: 'the next page skips a video',
    says: 'it is skipped',
    checks: ['feed.page-boundary'],
    make: () =>
      json((body) => {
        // Two videos of the same instant lie at the boundary: the second one is never shown.
        const last = rowsOf(body, 'video_list')[29];
        if (last !== undefined) body['next_time'] = Number(last['publish_time']) - 1;
      }, feed.path),
  },
  {
    name: 'two videos have the same publish time',
    says: 'both appear at latest_time=',
    checks: ['feed.unique-times'],
    make: () => {
      const stored = Date.now() - 60_000;
      return {
        request: (request) => {
          request.query.set('asked', request.query.get('latest_time') ?? String(Date.now()));
          if (request.path === feed.path) request.query.delete('latest_time');
          return undefined;
        },
        ...json((body, { query }) => {
          const asked = Number(query.get('asked'));
          const isOlder = (row: Row): boolean => Math.min(Number(row['publish_time']), stored) < asked;
          body['video_list'] = rowsOf(body, 'video_list').filter(isOlder);
        }, feed.path),
      };
    },
  },
  {
    name: 'next_time is zero',
    says: '"next_time" in milliseconds',
    checks: ['feed.next-time'],
    make: () =>
      json((body) => {
        body['next_time'] = 0;
      }, feed.path),
  },
  {
    name: 'next_time is that of the newest video',
    says: 'only videos that are older',
    checks: ['feed.next-time', 'feed.page-boundary'],
    make: () =>
      json((body) => {
        body['next_time'] = Date.now();
      }, feed.path),
  },
  {
    name: 'a like is stored after the unlike that came later',
    says: '"is_favorite": false',
    checks: ['likes.order'],
    make: () => ({
      request: async ({ path, query }, send) => {
        if (path !== like.path || query.get('action_type') !== '1') return undefined;
        setTimeout(() => void send().catch(() => {}), 100);
        return success();
      },
    }),
  },
  {
    name: 'counters drift: an unlike does not count',
    says: '"favorite_count"',
    checks: ['likes.counters'],
    make: () => {
      let unlikes = 0;
      return {
        request: ({ path, query }) => {
          if (path === like.path && query.get('action_type') === '2') unlikes += 1;
          return undefined;
        },
        ...eachObject((row) => {
          if (isVideo(row)) row['favorite_count'] = Number(row['favorite_count']) + unlikes;
        }),
      };
    },
  },
  {
    name: 'anyone may delete any comment',
    says: 'a stranger tried to delete it',
    checks: ['comments.rights'],
    make: () => {
      let author = '';
      return asks(({ path, query }) => {
        if (path !== comment.path) return undefined;
        if (query.get('action_type') === '1') author = query.get('token') ?? '';
        else query.set('token', author);
        return undefined;
      });
    },
  },
  {
    name: 'covers and files do not exist',
    says: 'HTTP 404',
    checks: ['media.play', 'media.cover', 'media.feed-files'],
    make: () => asks(({ path }) => (path.startsWith('/media/') ? missing() : undefined)),
  },
  {
    name: 'a failed upload looks like success',
    says: 'to be refused',
    checks: ['videos.not-a-video', 'videos.broken'],
    make: () => ({
      answer: (answer, { path }) => (path === publish.path ? success() : answer),
    }),
  },
  {
    name: 'likes are of the token’s user',
    says: 'what user',
    checks: ['likes.list-of-user'],
    make: () =>
      asks(({ path, query }) => {
        if (path === likeList.path && query.has('token')) query.delete('user_id');
        return undefined;
      }),
  },
];

const missing = (): Answer => answerOf({ status_code: 404, status_msg: 'no such file' }, 404);
