/** The fixed limits of the wire contract. What an operator may change lives in the server's configuration instead. */
export const limits = {
  usernameMaxCodePoints: 32,
  passwordMinCodePoints: 6,
  passwordMaxCodePoints: 32,
  titleMaxCodePoints: 255,
  commentMaxCodePoints: 500,
  messageMaxCodePoints: 1000,
  signatureMaxCodePoints: 200,
  tokenMaxCharacters: 1024,
  cursorMaxCharacters: 40,
  /** Videos in one answer of the feed. */
  feedPageVideos: 30,
  /** Videos in one answer of publish/list and favorite/list. */
  videoPageVideos: 100,
  commentPageComments: 100,
  /** Users in one answer of the follow, follower and friend lists. */
  userPageUsers: 200,
  messagePageMessages: 200,
  /** A token's life; the protocol has no refresh and the app never asks to log in again. */
  tokenLifeDays: 30,
  /** Times at or above this are milliseconds, below it seconds (1e11 s is the year 5138, 1e11 ms is 1973). */
  timeUnitThreshold: 1e11,
} as const;
