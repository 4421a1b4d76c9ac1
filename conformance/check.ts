/** A check is data: what must hold, why that matters, what to do when it does not, and a function that finds out. */
import type { NoAnswer, Reply } from './client.ts';
import type { Kit } from './kit.ts';

export const sections = {
  calls: '1 Rules for every call',
  objects: '2 Objects',
  operations: '3 Operations',
  course: '3 What the public black-box tests of the course do',
  errors: '4 Error codes',
  extras: 'Additions of this project',
} as const;
export type SectionName = keyof typeof sections;

/** Section 5 of the contract: what went wrong in other backends. Each fault is found by one or more checks. */
export const faults = {
  'status-code-left-out': '`status_code` left out when it is 0',
  'http-400': 'HTTP 400 for an existing user',
  'user-id-demanded': '`user_id` demanded on user/',
  'no-comment': 'no `comment` in the answer',
  'time-as-text': '`create_time` as text',
  'one-message-ever': 'one message per pair of users ever',
  'twice-is-an-error': 'a second follow or like is an error or counts twice',
  'all-followed': 'every follower shown as followed',
  'oneself-only': 'lists of oneself only',
  'pre-msg-time-ignored': '`pre_msg_time` ignored: the chat fills with duplicates',
  'same-instant': 'two videos share a publish time, or a page boundary repeats or skips one',
  'next-time-reset': '`next_time` reset to zero or to the newest',
  reordered: 'like and unlike reordered by a queue',
  drift: 'counters that drift',
  'anyone-deletes': 'anyone may delete any comment',
  'missing-media': 'a video in the feed whose file or cover does not exist',
  'failed-upload-looks-fine': 'a failed upload that looks like success',
} as const;
export type FaultName = keyof typeof faults;

/** `must`: the contract. `ours`: an addition of this project, which another server need not have. */
export type Level = 'must' | 'ours';

export type Check = {
  readonly id: string;
  readonly section: SectionName;
  readonly level: Level;
  readonly fault?: FaultName;
  /** What holds, in one line. */
  readonly title: string;
  readonly why: string;
  /** What to do when it fails. */
  readonly fix: string;
  /** Resolves if it holds; else rejects with one of the errors below. */
  readonly run: (kit: Kit) => Promise<void>;
};

type CheckWords = Omit<Check, 'section' | 'level'>;

/** Checks of one section; all of them the contract's unless one says otherwise. */
export function checksOf(
  section: SectionName,
  checks: readonly (CheckWords & { readonly level?: Level })[],
  level: Level = 'must',
): readonly Check[] {
  return checks.map((check) => ({ level, ...check, section }));
}

/** What was sent, what came back, and what the contract asks for instead. */
export type Finding = { readonly sent: string; readonly received: string; readonly wanted: string };

export class CheckFailure extends Error {
  readonly finding: Finding;

  constructor(finding: Finding) {
    super(finding.wanted);
    this.name = 'CheckFailure';
    this.finding = finding;
  }
}

/** Something that this check stands on is broken; another check says what. */
export class Blocked extends Error {
  readonly by: string;
  readonly finding: Finding | undefined;

  constructor(by: string, finding?: Finding) {
    super(`blocked by ${by}`);
    this.name = 'Blocked';
    this.by = by;
    this.finding = finding;
  }
}

/** This server has not what is needed to find out; nothing is wrong with it. */
export class Unchecked extends Error {}

export const findingOf = (reply: Reply, wanted: string, seen?: string): Finding => ({
  sent: reply.sent,
  received: seen === undefined ? reply.received : `${seen}\n${reply.received}`,
  wanted,
});

export const silence = ({ sent, message }: NoAnswer): Finding => ({
  sent,
  received: `no answer: ${message}`,
  wanted: 'an answer to every request, whatever is in it',
});

/** The look at a fixture by the very check that others are blocked by: here, what stands in the way is the failure. */
export async function lookAt<T>(fixture: Promise<T>): Promise<T> {
  try {
    return await fixture;
  } catch (error) {
    if (error instanceof Blocked && error.finding !== undefined) throw new CheckFailure(error.finding);
    throw error;
  }
}
