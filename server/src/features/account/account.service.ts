import { DomainError } from '@tiktok-server/contract';
import type { Database, UserRow } from '../../db/index.ts';
import type { Writer } from '../../jobs/index.ts';
import type { Clock, IdSource, RateLimiter, RateRule } from '../../ports/index.ts';
import { userKey } from '../../read/index.ts';
import { userStore } from '../../store/index.ts';
import { type Passwords, unusableHash } from './passwords.ts';
import type { Sessions } from './sessions.ts';

export type AccountDeps = {
  readonly database: Database;
  readonly writer: Writer;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly limiter: RateLimiter;
};

export type SignedIn = { readonly user_id: number; readonly token: string };

const minutes = 60_000;
/** Registrations from one address: a class behind one router gets through, a flood does not. */
const registrations: RateRule = { events: 200, windowMs: 10 * minutes };
/** Failed logins to one account from one address. */
const guessesHere: RateRule = { events: 10, windowMs: 5 * minutes };
/** Failed logins to one account from anywhere. */
const guessesAnywhere: RateRule = { events: 100, windowMs: 60 * minutes };
/** Logins from one address, whatever the account. */
const loginsHere: RateRule = { events: 300, windowMs: 5 * minutes };

/** Code points that are not drawn: joiners, soft hyphens, variation selectors. */
const invisible = /\p{Default_Ignorable_Code_Point}/gu;

/**
 * What names are compared by: composed, without case, and without what nobody can see. Case goes down, up and down again:
 * "ß" and "ẞ" meet only as "ss".
 */
export const nameKeyOf = (name: string): string =>
  name.replace(invisible, '').trim().toLowerCase().toUpperCase().toLowerCase().normalize('NFC');

export interface AccountService {
  register(username: string, password: string, address: string): Promise<SignedIn>;
  /** Opens an account that has no password, so that nobody can log in to it; returns its id. */
  openWithoutLogin(username: string): Promise<number>;
  login(username: string, password: string, address: string): Promise<SignedIn>;
  changePassword(userId: number, oldPassword: string, newPassword: string, address: string): Promise<SignedIn>;
  close(userId: number, password: string, address: string): Promise<void>;
}

export function createAccountService(deps: AccountDeps): AccountService {
  const { database, writer, ids, clock, passwords, sessions, limiter } = deps;

  async function limit(key: string, rule: RateRule): Promise<void> {
    const decision = await limiter.take(key, rule);
    if (decision.allowed) return;
    const { retryAfterSeconds } = decision;
    throw new DomainError('ErrTooManyRequests', {
      detail: { en: `try again in ${retryAfterSeconds} s`, zh: `请在 ${retryAfterSeconds} 秒后重试` },
      retryAfterSeconds,
    });
  }

  /** Compares a password, within the limits of guessing; a right one clears the count. */
  async function prove(
    user: UserRow | undefined,
    account: string,
    password: string,
    address: string,
  ): Promise<UserRow> {
    const here = `guess:${account}:${address}`;
    await limit(here, guessesHere);
    await limit(`guess:${account}`, guessesAnywhere);
    if (!(await passwords.verify(password, user?.password_hash)) || user === undefined) {
      throw new DomainError('ErrPasswordIncorrect');
    }
    await limiter.reset(here);
    await limiter.reset(`guess:${account}`);
    return user;
  }

  async function proveOwn(userId: number, password: string, address: string): Promise<UserRow> {
    const [user] = await userStore.findUsers(database.reader, [userId]);
    if (user === undefined || user.name_key === null) throw new DomainError('ErrTokenInvalid');
    return await prove(user, user.name_key, password, address);
  }

  async function open(username: string, passwordHash: string): Promise<number> {
    const id = ids.next();
    await writer.write(async ({ trx, invalidate }) => {
      const user = { id, name: username, nameKey: nameKeyOf(username), passwordHash, createdAt: clock.now() };
      if (!(await userStore.insertUser(trx, user))) throw new DomainError('ErrUserAlreadyExist');
      // Somebody may have asked for this id before it existed.
      invalidate(userKey(id));
    });
    return id;
  }

  return {
    register: async (username, password, address) => {
      await limit(`register:${address}`, registrations);
      if (nameKeyOf(username) === '') {
        throw new DomainError('ErrSecretEmpty', {
          detail: { en: 'username must have a character that can be seen', zh: 'username 必须包含可见字符' },
        });
      }
      // Before the hash, which is dear; the transaction decides again.
      if ((await userStore.findUserByNameKey(database.reader, nameKeyOf(username))) !== undefined) {
        throw new DomainError('ErrUserAlreadyExist');
      }
      const id = await open(username, await passwords.hash(password));
      return { user_id: id, token: await sessions.issue(id, 1) };
    },
    openWithoutLogin: (username) => open(username, unusableHash()),
    login: async (username, password, address) => {
      await limit(`login:${address}`, loginsHere);
      const nameKey = nameKeyOf(username);
      const found = await userStore.findUserByNameKey(database.reader, nameKey);
      const user = await prove(found, nameKey, password, address);
      return { user_id: user.id, token: await sessions.issue(user.id, user.token_version) };
    },
    changePassword: async (userId, oldPassword, newPassword, address) => {
      const user = await proveOwn(userId, oldPassword, address);
      const passwordHash = await passwords.hash(newPassword);
      await writer.write(async ({ trx, invalidate }) => {
        if (!(await userStore.updatePassword(trx, userId, passwordHash, user.token_version))) {
          throw new DomainError('ErrTokenInvalid');
        }
        invalidate(userKey(userId));
      });
      return { user_id: userId, token: await sessions.issue(userId, user.token_version + 1) };
    },
    close: async (userId, password, address) => {
      await proveOwn(userId, password, address);
      await writer.write(async ({ trx, enqueue, invalidate }) => {
        if (!(await userStore.closeUser(trx, userId, clock.now()))) throw new DomainError('ErrTokenInvalid');
        await enqueue('account.erase', { userId });
        invalidate(userKey(userId));
      });
    },
  };
}
