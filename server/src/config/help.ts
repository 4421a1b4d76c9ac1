import type { Setting } from './setting.ts';
import { configFileVariable, settings } from './settings.ts';

const plain = (text: string): string => text.replaceAll('`', '');

/** What `--help` prints: how to start the program, and every setting with what it takes. */
export function helpText(): string {
  const rows = Object.entries<Setting<unknown>>(settings).flatMap(([name, setting]) => [
    `  ${name}${setting.default === '' ? '' : ` (${setting.default})`}`,
    `      ${plain(setting.doc.en)}.`,
    `      Takes: ${plain(setting.kind.takes.en)}.`,
  ]);
  return [
    'Usage: npm start            everything in one process, at http://localhost:8080',
    '       npm start -- --help  this text',
    '',
    'Settings are environment variables, here with their defaults in parentheses. They may also stand in a file, one',
    `NAME=value a line: the one that ${configFileVariable} names, else .env in the working directory. The environment wins.`,
    '',
    ...rows,
    '',
  ].join('\n');
}
