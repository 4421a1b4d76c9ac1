/** The few hot objects of one scenario, and what everyone knows about them: users, videos, comments, unique texts. */

import type { OperationName } from '@tiktok-server/contract';
import { type Answered, type Api, type Call, callApi, type Row } from './client.ts';
import type { Effect, Excuse, History, Observation, Operation } from './history.ts';
import type { VideoRef } from './site.ts';

export type Person = { readonly id: number; readonly token: string };
export type KnownComment = { readonly id: number; readonly videoId: number; readonly content: string };

/** One call that is going to be made: what it is called, what it does or how its answer is read. */
export type Plan = {
  readonly name: OperationName;
  /** Arguments, for people. */
  readonly what: string;
  readonly call: Call;
  readonly effect?: Effect;
  readonly excuses?: readonly Excuse[];
  readonly see?: (body: Row) => readonly Observation[];
};

const maxTalkers = 3;
/** Comments that may still be deleted; the oldest are forgotten. */
const maxKnownComments = 100;

export class World {
  /** Begins every text of this scenario, so that what others left is not mistaken for it. */
  readonly prefix: string;
  readonly history: History;
  readonly clip: Buffer;
  readonly people: Person[] = [];
  /** Those who write messages: few, so that each conversation is busy. */
  get talkers(): readonly Person[] {
    return this.people.slice(0, maxTalkers);
  }
  /** Videos whose id has been seen. */
  readonly videos: VideoRef[] = [];
  readonly comments: KnownComment[] = [];
  /** How many videos may still be published: a page of the feed has to hold them all. */
  publishesLeft: number;
  readonly #titles = new Set<string>();
  #number = 0;

  constructor(options: {
    readonly prefix: string;
    readonly history: History;
    readonly clip: Buffer;
    readonly maxPublishes: number;
  }) {
    this.prefix = options.prefix;
    this.history = options.history;
    this.clip = options.clip;
    this.publishesLeft = options.maxPublishes;
  }

  /** A text that nobody has used, of the kind that `word` says. */
  newText(word: string): string {
    this.#number += 1;
    return `${this.prefix} ${word} ${this.#number}`;
  }

  isOurs(text: unknown): text is string {
    return typeof text === 'string' && text.startsWith(`${this.prefix} `);
  }

  hasPerson(id: unknown): id is number {
    return this.people.some((person) => person.id === id);
  }

  /** Makes a video that an answer showed known to everyone. */
  meet(title: string, video: VideoRef): void {
    if (this.#titles.has(title)) return;
    this.#titles.add(title);
    this.videos.push(video);
  }

  remember(comment: KnownComment): void {
    this.comments.push(comment);
    if (this.comments.length > maxKnownComments) this.comments.shift();
  }

  /** Carries out a plan and records what came of it. */
  async perform(client: string, api: Api, plan: Plan): Promise<{ operation: Operation; answered: Answered }> {
    const answered = await callApi(api, plan.name, plan.call);
    const { startMs, endMs, outcome, body } = answered;
    const operation: Operation = {
      client,
      api: api.name,
      name: plan.name,
      what: plan.what,
      startMs,
      endMs,
      outcome,
      ...(plan.effect !== undefined && { effect: plan.effect }),
      ...(plan.excuses !== undefined && { excuses: plan.excuses }),
      ...(plan.see !== undefined && outcome.kind === 'acknowledged' && { seen: plan.see(body) }),
    };
    this.history.add(operation);
    return { operation, answered };
  }
}
