/** A setting is wrong or missing. The message is one line that names it, for the person who starts the program. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(setting: string, rule: string, options?: ErrorOptions) {
    super(oneLine(`${setting} ${rule}`), options);
  }
}

/** Control characters and the line breaks of every script become spaces: a terminal shows one line, whatever was given. */
const oneLine = (text: string): string => text.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim();

const shownCharacters = 80;

/** What was given, short enough for a line, and without the credentials that an address may hold. */
export function shown(text: string): string {
  const harmless = text.replace(/\/\/[^/?#\s]*@/g, '//…@');
  return JSON.stringify(harmless.length > shownCharacters ? `${harmless.slice(0, shownCharacters)}…` : harmless);
}
