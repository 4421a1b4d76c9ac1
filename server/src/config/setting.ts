import type { Text } from '@tiktok-server/contract';
import type { Kind } from './kinds.ts';

/** One setting: what it is called, what it takes, what it means. An empty value is the same as none. */
export type Setting<T> = {
  readonly kind: Kind<T>;
  /** As it would be written; "" where the default is not a value but an absence, which `doc` explains. */
  readonly default: string;
  /** The setting without which this one means nothing: giving only this one is a mistake. */
  readonly needs?: string;
  readonly doc: Text;
};

export const setting = <T>(given: Setting<T>): Setting<T> => given;
