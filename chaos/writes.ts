/** Every write that clients make, as plans, and the reads that have to show it. */
import { errors } from '@tiktok-server/contract';
import { isRow } from './client.ts';
import type { Random } from './random.ts';
import {
  chatPlan,
  commentListPlan,
  feedPlan,
  followerListPlan,
  followListPlan,
  friendListPlan,
  likeListPlan,
  publishListPlan,
  userPlan,
  videoPlan,
} from './reads.ts';
import { commentEffect, commentRegister, followEffect, likeEffect, messageEffect, publishEffect } from './site.ts';
import type { KnownComment, Person, Plan, World } from './world.ts';

export type PlannedWrite = {
  readonly plan: Plan;
  /** Reads of what it changes. */
  readonly shownBy: readonly Plan[];
  /** Whether to make it again changes nothing. */
  readonly isIdempotent?: boolean;
  /** What everyone learns from its answer. */
  readonly learn?: (body: Readonly<Record<string, unknown>>) => void;
};

/** The share of each write; the rest are likes, which the most counters hang on. */
const shares = { publish: 0.03, comment: 0.2, deleteComment: 0.07, message: 0.15, follow: 0.25 };
/** More often on than off, so that counters are not always about zero. */
const onShare = 0.6;

/** Something that `person` may do now. */
export function chooseWrite(world: World, random: Random, person: Person): PlannedWrite {
  let left = random.between(0, 1);
  const is = (share: number): boolean => {
    left -= share;
    return left < 0;
  };
  if (is(shares.publish) && world.publishesLeft > 0) return publish(world, person);
  if (is(shares.comment)) return comment(world, random, person);
  if (is(shares.deleteComment)) {
    const known = world.comments.length === 0 ? undefined : random.pick(world.comments);
    if (known !== undefined) return deleteComment(world, person, known);
  }
  if (is(shares.message)) return message(world, random);
  if (is(shares.follow)) return follow(world, random, person);
  return like(world, random, person);
}

const other = (world: World, random: Random, person: Person): Person =>
  random.pick(world.people.filter((one) => one !== person));

function like(world: World, random: Random, person: Person): PlannedWrite {
  const video = random.pick(world.videos);
  const on = random.chance(onShare);
  return {
    plan: {
      name: 'like',
      what: `video ${video.id} ${on ? 'on' : 'off'}`,
      call: { parameters: { video_id: video.id, action_type: on ? 1 : 2 }, token: person.token },
      effect: likeEffect(person.id, video, on),
    },
    isIdempotent: true,
    shownBy: [
      videoPlan(world, video.id, person),
      feedPlan(world, person),
      feedPlan(world, undefined),
      likeListPlan(world, person.id, person),
      userPlan(world, video.authorId, undefined),
    ],
  };
}

function follow(world: World, random: Random, person: Person): PlannedWrite {
  const whom = other(world, random, person);
  const on = random.chance(onShare);
  return {
    plan: {
      name: 'follow',
      what: `user ${whom.id} ${on ? 'on' : 'off'}`,
      call: { parameters: { to_user_id: whom.id, action_type: on ? 1 : 2 }, token: person.token },
      effect: followEffect(person.id, whom.id, on),
    },
    isIdempotent: true,
    shownBy: [
      userPlan(world, whom.id, person),
      followListPlan(world, person.id, whom),
      followerListPlan(world, whom.id, undefined),
      friendListPlan(world, whom),
    ],
  };
}

function comment(world: World, random: Random, person: Person): PlannedWrite {
  const video = random.pick(world.videos);
  const content = world.newText('comment');
  return {
    plan: {
      name: 'comment',
      what: `"${content}" on video ${video.id}`,
      call: { parameters: { video_id: video.id, action_type: 1, comment_text: content }, token: person.token },
      effect: commentEffect(video.id, content, true),
    },
    shownBy: [commentListPlan(world, video.id, undefined), videoPlan(world, video.id, undefined)],
    learn: (body) => {
      const row = body['comment'];
      if (isRow(row) && typeof row['id'] === 'number') world.remember({ id: row['id'], videoId: video.id, content });
    },
  };
}

/** Its author may do that, or the author of the video; the token of either works, and so one of both is asked for it. */
function deleteComment(world: World, person: Person, known: KnownComment): PlannedWrite {
  const video = world.videos.find(({ id }) => id === known.videoId);
  const author = world.people.find(({ id }) => id === video?.authorId) ?? person;
  world.comments.splice(world.comments.indexOf(known), 1);
  return {
    plan: {
      name: 'comment',
      what: `delete "${known.content}" on video ${known.videoId}`,
      call: { parameters: { video_id: known.videoId, action_type: 2, comment_id: known.id }, token: author.token },
      effect: commentEffect(known.videoId, known.content, false),
      excuses: [{ code: errors.ErrCommentNotFound.code, register: commentRegister(known.content), value: false }],
    },
    shownBy: [commentListPlan(world, known.videoId, undefined), videoPlan(world, known.videoId, undefined)],
  };
}

function message(world: World, random: Random): PlannedWrite {
  const [person, to] = random.shuffled(world.talkers);
  if (person === undefined || to === undefined) throw new RangeError('nobody to talk to');
  const content = world.newText('message');
  return {
    plan: {
      name: 'sendMessage',
      what: `"${content}" to user ${to.id}`,
      call: { parameters: { to_user_id: to.id, action_type: 1, content }, token: person.token },
      effect: messageEffect(person.id, to.id, content),
    },
    shownBy: [chatPlan(world, to, person), friendListPlan(world, to)],
  };
}

export function publish(world: World, person: Person, clip: Buffer = world.clip): PlannedWrite {
  world.publishesLeft -= 1;
  const title = world.newText('video');
  return {
    plan: {
      name: 'publish',
      what: `"${title}"`,
      call: { parameters: { title }, token: person.token, file: clip },
      effect: publishEffect(person.id, title),
    },
    shownBy: [
      publishListPlan(world, person.id, undefined),
      feedPlan(world, undefined),
      userPlan(world, person.id, undefined),
    ],
  };
}
