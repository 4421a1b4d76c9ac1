/** Clients that use the site until they are told to stop: a closed loop each, writes and reads through all processes. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Api } from './client.ts';
import { Listener } from './listener.ts';
import type { Random } from './random.ts';
import { chooseRead } from './reads.ts';
import type { Person, Plan, World } from './world.ts';
import { chooseWrite, publish } from './writes.ts';

const passwordOfAll = 'chaos and order';
/** Shares of what a client does next. */
const writeShare = 0.45;
/** How often a write is looked for at once, through any process: where a stale value would still be seen. */
const lookShare = 0.7;
/** How often a write is sent twice at once, as by an impatient finger: the second finds it made, and has to show it too. */
const twiceShare = 0.2;
/** Of what is not a write, how often somebody asks for new messages. */
const listenShare = 0.1;
/** Between two operations of a client, so that the machine has room for those who answer. */
const maxPauseMs = 16;
/** After an operation that was not acknowledged; nobody goes on at once. */
const pauseAfterFailureMs = 40;

/** Signs up users and publishes the hot videos; rejects if anything is refused, since no fault is on. */
export async function prepareWorld(
  world: World,
  apis: readonly Api[],
  size: { readonly people: number; readonly videos: number },
): Promise<void> {
  const [api] = apis;
  if (api === undefined) throw new RangeError('a system without an api');
  await Promise.all(
    Array.from({ length: size.people }, async (_, i) => {
      const call = { parameters: { username: `${world.prefix} ${i}`, password: passwordOfAll } };
      const { answered } = await world.perform('setup', api, { name: 'register', what: `user ${i}`, call });
      const { user_id: id, token } = answered.body;
      if (typeof id !== 'number' || typeof token !== 'string') throw new Error('the setup could not register a user');
      world.people.push({ id, token });
    }),
  );
  for (let i = 0; i < size.videos; i += 1) {
    const author = world.people[i % world.people.length];
    if (author === undefined) throw new RangeError('a world without people');
    const { plan, shownBy } = publish(world, author);
    const { answered } = await world.perform('setup', api, plan);
    if (answered.outcome.kind !== 'acknowledged') throw new Error('the setup could not publish a video');
    const [list] = shownBy;
    if (list !== undefined) await world.perform('setup', api, list);
  }
  if (world.videos.length < size.videos)
    throw new Error('the videos of the setup are not in the lists of their authors');
}

/** Everyone who talks listens to everyone else who does. */
export const listenersOf = ({ talkers }: World): Listener[] =>
  talkers.flatMap((to) => talkers.filter((from) => from !== to).map((from) => new Listener(to, from)));

/** One client; resolves when `stopped` says so, after its operation that is under way. */
export async function runClient(
  world: World,
  apis: readonly Api[],
  name: string,
  random: Random,
  stopped: () => boolean,
  listeners: readonly Listener[],
): Promise<void> {
  while (!stopped() && !world.history.isFull) {
    const person = random.pick(world.people);
    const acknowledged = random.chance(writeShare)
      ? await writeAndLook(world, apis, name, random, person)
      : random.chance(listenShare)
        ? await random.pick(listeners).listen(world, name, random.pick(apis))
        : await read(world, apis, name, random, person);
    await wait(acknowledged ? random.below(maxPauseMs) : pauseAfterFailureMs);
  }
}

async function writeAndLook(
  world: World,
  apis: readonly Api[],
  name: string,
  random: Random,
  person: Person,
): Promise<boolean> {
  const { plan, shownBy, learn, isIdempotent = false } = chooseWrite(world, random, person);
  const once = async (through: Api, look: { readonly plan: Plan; readonly through: Api } | undefined) => {
    const { answered } = await world.perform(name, through, plan);
    const acknowledged = answered.outcome.kind === 'acknowledged';
    if (acknowledged) learn?.(answered.body);
    if (acknowledged && look !== undefined) await world.perform(name, look.through, look.plan);
    return acknowledged;
  };
  // All is chosen before anything is sent, so that the order of answers changes none of it.
  const times = isIdempotent && random.chance(twiceShare) ? 2 : 1;
  const writes = Array.from({ length: times }, () => {
    const through = random.pick(apis);
    const look = random.chance(lookShare) ? { plan: random.pick(shownBy), through: random.pick(apis) } : undefined;
    return { through, look };
  });
  const acknowledged = await Promise.all(writes.map(({ through, look }) => once(through, look)));
  return acknowledged.every(Boolean);
}

async function read(
  world: World,
  apis: readonly Api[],
  name: string,
  random: Random,
  person: Person,
): Promise<boolean> {
  const { answered } = await world.perform(name, random.pick(apis), chooseRead(world, random, person));
  return answered.outcome.kind === 'acknowledged';
}
