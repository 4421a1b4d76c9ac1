import { Comment, FriendUser, Message, User, Video } from '@tiktok-server/contract';
import { expect, test } from 'vitest';
import { fieldsOf } from './objects.ts';

const userFields = {
  id: 'number',
  name: 'text',
  follow_count: 'number',
  follower_count: 'number',
  is_follow: 'boolean',
  avatar: 'text',
  background_image: 'text',
  signature: 'text',
  total_favorited: 'number',
  work_count: 'number',
  favorite_count: 'number',
};

/** Written out once more, so that a change of the contract's schemas does not change in silence what others are held to. */
test.each([
  ['User', User, userFields],
  ['FriendUser', FriendUser, { ...userFields, message: 'text', msgType: 'number' }],
  [
    'Video',
    Video,
    {
      id: 'number',
      author: 'user',
      play_url: 'text',
      cover_url: 'text',
      favorite_count: 'number',
      comment_count: 'number',
      is_favorite: 'boolean',
      title: 'text',
    },
  ],
  ['Comment', Comment, { id: 'number', user: 'user', content: 'text', create_date: 'text' }],
  [
    'Message',
    Message,
    { id: 'number', to_user_id: 'number', from_user_id: 'number', content: 'text', create_time: 'number' },
  ],
])('%s is held to the fields of section 2 of the contract, and to none of ours', (_name, schema, fields) => {
  expect(Object.fromEntries(fieldsOf(schema).map(({ name, kind }) => [name, kind]))).toEqual(fields);
});

test('the covers and files of videos must not be empty', () => {
  const notEmpty = fieldsOf(Video).filter((field) => field.notEmpty);
  expect(notEmpty.map(({ name }) => name)).toEqual(['play_url', 'cover_url']);
});
