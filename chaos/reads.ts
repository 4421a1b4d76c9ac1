/** Every read that shows what clients write, as plans, and what its answer says about registers. */
import { limits } from '@tiktok-server/contract';
import { isRow, type Row, rowsOf } from './client.ts';
import type { Observation } from './history.ts';
import type { Random } from './random.ts';
import {
  chatOf,
  commentRegister,
  commentsOn,
  countSeen,
  feedList,
  followedBy,
  followersOf,
  followRegister,
  likedBy,
  likeRegister,
  messageRegister,
  userCount,
  userCounters,
  videoCount,
  videoCounters,
  videoRegister,
  videosOf,
} from './site.ts';
import type { Person, Plan, World } from './world.ts';

type Viewer = Person | undefined;

/** Half of all reads are those of guests, whose answers are kept the longest. */
const guestShare = 0.5;

/** Some read of some hot object. */
export function chooseRead(world: World, random: Random, person: Person): Plan {
  const viewer = random.chance(guestShare) ? undefined : person;
  const owner = random.pick(world.people);
  const video = random.pick(world.videos);
  switch (random.below(10)) {
    case 0:
    case 1:
      return feedPlan(world, viewer);
    case 2:
      return userPlan(world, owner.id, viewer);
    case 3:
      return publishListPlan(world, owner.id, viewer);
    case 4:
      return likeListPlan(world, owner.id, viewer);
    case 5:
      return commentListPlan(world, video.id, viewer);
    case 6:
      return followListPlan(world, owner.id, viewer);
    case 7:
      return followerListPlan(world, owner.id, viewer);
    case 8:
      return friendListPlan(world, person);
    default:
      return owner === person ? videoPlan(world, video.id, viewer) : chatPlan(world, person, owner);
  }
}

/** Every read of every object, as guest and as somebody: for the end, when nothing moves any more. */
export function allReads(world: World): Plan[] {
  const [first] = world.people;
  return [
    feedPlan(world, undefined),
    ...world.people.flatMap((person) => [
      feedPlan(world, person),
      userPlan(world, person.id, first),
      publishListPlan(world, person.id, undefined),
      likeListPlan(world, person.id, undefined),
      followListPlan(world, person.id, undefined),
      followerListPlan(world, person.id, undefined),
      friendListPlan(world, person),
    ]),
    ...world.videos.flatMap(({ id }) => [commentListPlan(world, id, undefined), videoPlan(world, id, first)]),
    ...world.people.flatMap((person, i) => world.people.slice(i + 1).map((other) => chatPlan(world, person, other))),
  ];
}

const tokenOf = (viewer: Viewer): { readonly token?: string } => (viewer === undefined ? {} : { token: viewer.token });
const asWhom = (viewer: Viewer): string => (viewer === undefined ? 'as a guest' : `as user ${viewer.id}`);
const complete = (body: Row): boolean => body['has_more'] !== true;
const numberIn = (row: Row, name: string): number => {
  const value = row[name];
  return typeof value === 'number' ? value : Number.NaN;
};

function seeUser(world: World, viewer: Viewer, row: Row): Observation[] {
  const id = row['id'];
  if (!world.hasPerson(id)) return [];
  const seen = userCounters.flatMap((counter) => countSeen(userCount(counter, id), row[counter]));
  if (viewer !== undefined && viewer.id !== id) {
    seen.push({ is: 'flag', register: followRegister(viewer.id, id), value: row['is_follow'] === true });
  }
  return seen;
}

/** Also makes the video known to everyone. */
function seeVideo(world: World, viewer: Viewer, row: Row): Observation[] {
  const { title, author } = row;
  const id = numberIn(row, 'id');
  if (!world.isOurs(title) || !isRow(author)) return [];
  world.meet(title, { id, authorId: numberIn(author, 'id') });
  const seen = videoCounters.flatMap((counter) => countSeen(videoCount(counter, id), row[counter]));
  if (viewer !== undefined) {
    seen.push({ is: 'flag', register: likeRegister(viewer.id, id), value: row['is_favorite'] === true });
  }
  return [...seen, ...seeUser(world, viewer, author)];
}

const titlesOf = (rows: readonly Row[]): string[] => rows.map((row) => videoRegister(String(row['title'])));

export function feedPlan(world: World, viewer: Viewer): Plan {
  return {
    name: 'feed',
    what: asWhom(viewer),
    call: tokenOf(viewer),
    see: (body) => {
      const rows = rowsOf(body, 'video_list');
      const ours = rows.filter((row) => world.isOurs(row['title']));
      // Older videos than ours behind them: then none of ours was cut off.
      const whole = rows.length < limits.feedPageVideos || ours.length < rows.length;
      const members = titlesOf(ours).reverse();
      return [
        { is: 'list', list: feedList, members, complete: whole, inOrder: true },
        ...ours.flatMap((row) => seeVideo(world, viewer, row)),
      ];
    },
  };
}

export function videoPlan(world: World, videoId: number, viewer: Viewer): Plan {
  return {
    name: 'video',
    what: `${videoId} ${asWhom(viewer)}`,
    call: { parameters: { video_id: videoId }, ...tokenOf(viewer) },
    see: ({ video }) => (isRow(video) ? seeVideo(world, viewer, video) : []),
  };
}

export function userPlan(world: World, userId: number, viewer: Viewer): Plan {
  return {
    name: 'user',
    what: `${userId} ${asWhom(viewer)}`,
    call: { parameters: { user_id: userId }, ...tokenOf(viewer) },
    see: ({ user }) => (isRow(user) ? seeUser(world, viewer, user) : []),
  };
}

export function publishListPlan(world: World, userId: number, viewer: Viewer): Plan {
  return {
    name: 'publishList',
    what: `of user ${userId} ${asWhom(viewer)}`,
    call: { parameters: { user_id: userId }, ...tokenOf(viewer) },
    see: (body) => {
      const rows = rowsOf(body, 'video_list');
      const members = titlesOf(rows).reverse();
      return [
        { is: 'list', list: videosOf(userId), members, complete: complete(body), inOrder: true },
        ...rows.flatMap((row) => seeVideo(world, viewer, row)),
      ];
    },
  };
}

export function likeListPlan(world: World, userId: number, viewer: Viewer): Plan {
  return {
    name: 'likeList',
    what: `of user ${userId} ${asWhom(viewer)}`,
    call: { parameters: { user_id: userId }, ...tokenOf(viewer) },
    see: (body) => {
      const rows = rowsOf(body, 'video_list');
      const members = rows.map((row) => likeRegister(userId, numberIn(row, 'id')));
      return [
        { is: 'list', list: likedBy(userId), members, complete: complete(body), inOrder: false },
        ...rows.flatMap((row) => seeVideo(world, viewer, row)),
      ];
    },
  };
}

export function commentListPlan(world: World, videoId: number, viewer: Viewer): Plan {
  return {
    name: 'commentList',
    what: `of video ${videoId} ${asWhom(viewer)}`,
    call: { parameters: { video_id: videoId }, ...tokenOf(viewer) },
    see: (body) => {
      const rows = rowsOf(body, 'comment_list');
      const members = rows.map((row) => commentRegister(String(row['content'])));
      return [
        { is: 'list', list: commentsOn(videoId), members, complete: complete(body), inOrder: false },
        ...rows.flatMap(({ user }) => (isRow(user) ? seeUser(world, viewer, user) : [])),
      ];
    },
  };
}

const usersPlan =
  (
    name: 'followList' | 'followerList',
    list: (userId: number) => string,
    register: (ownerId: number, userId: number) => string,
  ) =>
  (world: World, userId: number, viewer: Viewer): Plan => ({
    name,
    what: `of user ${userId} ${asWhom(viewer)}`,
    call: { parameters: { user_id: userId }, ...tokenOf(viewer) },
    see: (body) => {
      const rows = rowsOf(body, 'user_list');
      const members = rows.map((row) => register(userId, numberIn(row, 'id')));
      return [
        { is: 'list', list: list(userId), members, complete: complete(body), inOrder: false },
        ...rows.flatMap((row) => seeUser(world, viewer, row)),
      ];
    },
  });

export const followListPlan = usersPlan('followList', followedBy, followRegister);
export const followerListPlan = usersPlan('followerList', followersOf, (ownerId, userId) =>
  followRegister(userId, ownerId),
);

export function friendListPlan(world: World, person: Person): Plan {
  return {
    name: 'friendList',
    what: `of user ${person.id}`,
    call: { token: person.token },
    see: (body) => {
      const rows = rowsOf(body, 'user_list');
      const friends = new Map(rows.map((row) => [row['id'], row]));
      const seen = rows.flatMap((row) => seeUser(world, person, row));
      for (const { id } of world.people) {
        if (id === person.id) continue;
        const friend = friends.get(id);
        const registers = [followRegister(person.id, id), followRegister(id, person.id)] as const;
        seen.push({ is: 'both', registers, value: friend !== undefined });
        if (friend === undefined) continue;
        const message = friend['message'];
        const member = message === '' ? undefined : messageRegister(String(message));
        seen.push({ is: 'latest', list: chatOf(person.id, id), member });
      }
      return seen;
    },
  };
}

export function chatPlan(_world: World, person: Person, other: Person): Plan {
  return {
    name: 'chat',
    what: `of users ${person.id} and ${other.id}`,
    call: { parameters: { to_user_id: other.id }, token: person.token },
    see: (body) => {
      const members = rowsOf(body, 'message_list').map((row) => messageRegister(String(row['content'])));
      return [{ is: 'list', list: chatOf(person.id, other.id), members, complete: complete(body), inOrder: true }];
    },
  };
}
