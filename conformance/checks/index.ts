/** All checks, in the order in which they run: the feed is looked at before anything is uploaded. */
import type { Check } from '../check.ts';
import { commentChecks } from './comments.ts';
import { courseChecks } from './course.ts';
import { envelopeChecks } from './envelope.ts';
import { errorChecks } from './errors.ts';
import { extraChecks } from './extras.ts';
import { feedChecks } from './feed.ts';
import { followChecks } from './follows.ts';
import { likeChecks } from './likes.ts';
import { mediaChecks } from './media.ts';
import { messageChecks } from './messages.ts';
import { objectChecks } from './objects.ts';
import { parameterChecks } from './parameters.ts';
import { tokenChecks } from './tokens.ts';
import { userChecks } from './users.ts';
import { videoChecks } from './videos.ts';

export const allChecks: readonly Check[] = [
  ...courseChecks,
  ...envelopeChecks,
  ...parameterChecks,
  ...tokenChecks,
  ...mediaChecks,
  ...objectChecks,
  ...userChecks,
  ...feedChecks,
  ...videoChecks,
  ...likeChecks,
  ...commentChecks,
  ...followChecks,
  ...messageChecks,
  ...errorChecks,
  ...extraChecks,
];
