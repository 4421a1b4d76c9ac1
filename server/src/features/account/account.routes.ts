import { DomainError } from '@tiktok-server/contract';
import { type Facts, userPage } from '../../read/index.ts';
import type { Caller, Handlers } from '../handler.ts';
import { ownerOf } from '../owner.ts';
import type { AccountService } from './account.service.ts';
import { editProfile, type ProfileDeps } from './profile.service.ts';

type Routes = Pick<Handlers, 'register' | 'login' | 'user' | 'changePassword' | 'editProfile' | 'deleteAccount'>;

export function accountRoutes(deps: ProfileDeps & { readonly account: AccountService; readonly facts: Facts }): Routes {
  const { account, facts } = deps;

  const shownUser = async (userId: number, caller: Caller) => {
    const [user] = await userPage(facts, [userId], caller);
    if (user === undefined) throw new DomainError('ErrUserNotFound');
    return { user };
  };

  return {
    register: ({ input, caller }) => account.register(input.username, input.password, caller.address),
    login: ({ input, caller }) => account.login(input.username, input.password, caller.address),
    user: async ({ input, caller }) => await shownUser(await ownerOf(facts, input.user_id, caller), caller),
    changePassword: ({ input, caller }) =>
      account.changePassword(caller.userId, input.old_password, input.new_password, caller.address),
    editProfile: async ({ input, files, caller }) => {
      await editProfile(deps, caller.userId, {
        signature: input.signature,
        avatar: files.avatar,
        background: files.background_image,
      });
      return await shownUser(caller.userId, caller);
    },
    deleteAccount: async ({ input, caller }) => {
      await account.close(caller.userId, input.password, caller.address);
      return {};
    },
  };
}
