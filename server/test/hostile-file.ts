/** What a file of the corpus is. */
export type HostileFile = {
  readonly name: string;
  readonly content: Buffer;
  /**
   * `either`: whether it still plays is for ffmpeg to find out; that nothing bad happens is what counts. `unplayable`: it is
   * refused, or, if the machine is too busy to look at its pictures while somebody waits, taken and then said to have failed.
   */
  readonly outcome: 'refused' | 'accepted' | 'either' | 'unplayable';
  /** The name under which it is sent, if that is part of the attack. */
  readonly fileName?: string;
};

export type Surroundings = {
  /** A file beside the data whose content must never be seen. */
  readonly secretPath: string;
  /** A listener on the loopback interface to which nothing may connect. */
  readonly port: number;
  /** Runs ffmpeg; the files that need a real encoder are made by it. */
  readonly ffmpeg: (args: readonly string[]) => Promise<void>;
  /** An empty folder for what ffmpeg makes. */
  readonly folder: string;
};

export const refused = (name: string, content: Buffer | string, fileName?: string): HostileFile => ({
  name,
  content: Buffer.from(content),
  outcome: 'refused',
  ...(fileName !== undefined && { fileName }),
});
export const either = (name: string, content: Buffer): HostileFile => ({ name, content, outcome: 'either' });
export const unplayable = (name: string, content: Buffer): HostileFile => ({ name, content, outcome: 'unplayable' });
export const accepted = (name: string, content: Buffer, fileName?: string): HostileFile => ({
  name,
  content,
  outcome: 'accepted',
  ...(fileName !== undefined && { fileName }),
});

/** A page that would run in the name of the site if it were served as one. */
export const evil = '<!doctype html><script>fetch("/steal")</script>';
