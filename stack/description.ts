/** What a person wants to know of a stack that runs: one table of addresses. */
import type { Stack } from './stack.ts';

/** Without what is secret in addresses of servers that were not started here. */
const withoutPassword = (address: string): string => address.replace(/:\/\/([^:@/]*):[^@/]*@/, '://$1:…@');

const engineSettings = ['DATABASE_URL', 'REDIS_URL', 'AMQP_URL', 'STORAGE_URL'];

type Row = readonly [what: string, where: string, more: string];

function engineRow(setting: string, address: string | undefined, isOwn: boolean): Row[] {
  if (address === undefined) return [];
  return isOwn ? [[setting, address, 'private, gone at the end']] : [[setting, withoutPassword(address), 'yours']];
}

export function describeStack(stack: Stack): string {
  const own = new Set(stack.engines.flatMap((engine) => Object.keys(engine.settings)));
  const rows: Row[] = [
    ['site', stack.url, ''],
    ['docs', `${stack.url}/docs`, ''],
    ...[...stack.apis, ...stack.workers].map(
      ({ name, url, adminUrl, pid }) =>
        [name, name.startsWith('api') ? url : '', `${adminUrl}/metrics   pid ${pid}`] as const,
    ),
    ...engineSettings.flatMap((name) => engineRow(name, stack.settings[name], own.has(name))),
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd(),
  );
  const kept =
    own.size === 0 ? 'The data is in your servers, and stays.' : 'Each run begins empty: what is private goes with it.';
  const shown = lines.map((line) => `  ${line}`).join('\n');
  return `\n${shown}\n\n  For development. ${kept} Ctrl+C ends all of it.\n\n`;
}
