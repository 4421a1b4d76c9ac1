import { limits } from '@tiktok-server/contract';
import { errors, jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../../ports/index.ts';
import { type Facts, userIsVisible } from '../../read/index.ts';

/**
 * Tokens: JWT (RFC 7519), HS256 with the algorithm pinned. A token names its user and the version that the user's tokens
 * had; changing the password raises the version, which ends every session at once.
 */
export type Session =
  | { readonly ok: true; readonly userId: number }
  | { readonly ok: false; readonly why: 'invalid' | 'expired' };

export interface Sessions {
  issue(userId: number, tokenVersion: number): Promise<string>;
  verify(token: string): Promise<Session>;
}

const algorithm = 'HS256';
const lifeMs = limits.tokenLifeDays * 24 * 60 * 60_000;
/** Signatures that were checked before, so that a signed-in caller does not pay for it on every request. */
const maxChecked = 20_000;

type Claims = { readonly userId: number; readonly version: number; readonly expiresAt: number };

const invalid: Session = { ok: false, why: 'invalid' };
const expired: Session = { ok: false, why: 'expired' };

export function createSessions(deps: {
  readonly secret: Uint8Array;
  readonly facts: Facts;
  readonly clock: Clock;
}): Sessions {
  const { secret, facts, clock } = deps;
  const checked = new Map<string, Claims>();

  async function check(token: string): Promise<Claims | 'invalid' | 'expired'> {
    const known = checked.get(token);
    if (known !== undefined) return known;
    try {
      const { payload } = await jwtVerify(token, secret, {
        algorithms: [algorithm],
        currentDate: new Date(clock.now()),
      });
      const userId = Number(payload.sub);
      const version = payload['ver'];
      if (!Number.isSafeInteger(userId) || typeof version !== 'number' || payload.exp === undefined) return 'invalid';
      const claims: Claims = { userId, version, expiresAt: payload.exp * 1000 };
      checked.set(token, claims);
      for (const oldest of checked.keys()) {
        if (checked.size <= maxChecked) break;
        checked.delete(oldest);
      }
      return claims;
    } catch (error) {
      return error instanceof errors.JWTExpired ? 'expired' : 'invalid';
    }
  }

  return {
    issue: (userId, tokenVersion) => {
      const now = clock.now();
      return new SignJWT({ ver: tokenVersion })
        .setProtectedHeader({ alg: algorithm })
        .setSubject(String(userId))
        .setIssuedAt(Math.floor(now / 1000))
        .setExpirationTime(Math.floor((now + lifeMs) / 1000))
        .sign(secret);
    },
    verify: async (token) => {
      if (token.length > limits.tokenMaxCharacters) return invalid;
      const claims = await check(token);
      if (claims === 'invalid') return invalid;
      if (claims === 'expired' || claims.expiresAt <= clock.now()) return expired;
      const user = (await facts.users([claims.userId])).get(claims.userId);
      if (!userIsVisible(user) || user.token_version !== claims.version) return invalid;
      return { ok: true, userId: claims.userId };
    },
  };
}
