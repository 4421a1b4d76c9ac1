/**
 * A client that draws a chat as the app does: it asks again and again for what is newer than the newest message that it has.
 * One that is committed late, with a moment before that, it would never see.
 */
import type { Api } from './client.ts';
import { rowsOf } from './client.ts';
import { type Heard, heardBy, messageRegister } from './site.ts';
import type { Person, Plan, World } from './world.ts';

export class Listener implements Heard {
  readonly fromId: number;
  readonly toId: number;
  readonly #person: Person;
  readonly #members: string[] = [];
  /** Seconds since 1970, as any small number: the beginning. */
  #newest = 1;
  #asking = false;

  /** `person` listens to what `from` writes to them. */
  constructor(person: Person, from: Person) {
    this.#person = person;
    this.fromId = from.id;
    this.toId = person.id;
  }

  /** Asks once, unless it is asking; resolves with whether that was acknowledged. */
  async listen(world: World, client: string, api: Api, isLast = false): Promise<boolean> {
    if (this.#asking) return true;
    this.#asking = true;
    try {
      const { answered } = await world.perform(client, api, this.#plan(isLast));
      return answered.outcome.kind === 'acknowledged';
    } finally {
      this.#asking = false;
    }
  }

  #plan(isLast: boolean): Plan {
    return {
      name: 'chat',
      what: `new to user ${this.toId} from user ${this.fromId}`,
      call: { parameters: { to_user_id: this.fromId, pre_msg_time: this.#newest }, token: this.#person.token },
      see: (body) => {
        for (const row of rowsOf(body, 'message_list')) {
          this.#members.push(messageRegister(String(row['content'])));
          this.#newest = Math.max(this.#newest, Number(row['create_time']));
        }
        // At the end everything has to have come, once.
        if (!isLast) return [];
        return [{ is: 'list', list: heardBy(this), members: [...this.#members], complete: true, inOrder: true }];
      },
    };
  }
}
