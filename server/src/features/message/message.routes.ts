import { DomainError, limits } from '@tiktok-server/contract';
import { type Facts, presentMessage, userIsVisible } from '../../read/index.ts';
import { messageStore } from '../../store/index.ts';
import type { Handlers } from '../handler.ts';
import { type MessageDeps, sendMessage } from './message.service.ts';

export function messageRoutes(deps: MessageDeps & { readonly facts: Facts }): Pick<Handlers, 'chat' | 'sendMessage'> {
  const { reader } = deps.database;
  return {
    sendMessage: async ({ input, caller }) => {
      await sendMessage(deps, caller.userId, input.to_user_id, input.content);
      return {};
    },
    chat: async ({ input, caller }) => {
      const otherId = input.to_user_id;
      if (!userIsVisible((await deps.facts.users([otherId])).get(otherId))) throw new DomainError('ErrUserNotFound');
      const size = limits.messagePageMessages;
      if (input.pre_msg_time !== undefined) {
        const page = await messageStore.listNewTo(reader, caller.userId, otherId, input.pre_msg_time, size);
        // The way on from here is `pre_msg_time` itself, so there is no cursor.
        return { message_list: page.rows.map(presentMessage), has_more: page.next !== '', next_cursor: '' };
      }
      const page = await messageStore.listHistory(reader, caller.userId, otherId, input.cursor, size);
      return {
        message_list: page.rows.map(presentMessage).reverse(),
        has_more: page.next !== '',
        next_cursor: page.next,
      };
    },
  };
}
