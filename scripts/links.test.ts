/**
 * What the documents point at is there: files, folders, headings, the sources that they name, and the constants of the
 * table of limits. Addresses of other sites are not looked at, so the test needs no network.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

type Page = { readonly path: string; readonly text: string };

const root = fileURLToPath(new URL('..', import.meta.url));
const notOurs = new Set(['node_modules', 'data', 'coverage']);
const fence = /^ {0,3}(`{3,}|~{3,})/;
const heading = /^ {0,3}(#{1,6})\s+(.+?)\s*#*$/;
const link = /!?\[(?:[^[\]]|\[[^\]]*\])*\]\(\s*<?([^\s<>()]+)>?(?:\s+"[^"]*")?\s*\)/g;
const sourceName = /^(?!\.)(?:[\w.-]+\/)+[\w.-]+\.(?:ts|js|md|json|mp4)$/;
/** Documents shorten a path that begins in one of these. */
const shortened = ['', 'server/src/', 'server/', 'contract/src/'];

function readPages(folder = ''): Page[] {
  return readdirSync(posix.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${entry.name}`;
    if (entry.name.startsWith('.') || notOurs.has(entry.name)) return [];
    if (entry.isDirectory()) return readPages(`${path}/`);
    return entry.name.endsWith('.md') ? [{ path, text: readFileSync(posix.join(root, path), 'utf8') }] : [];
  });
}

/** The lines that are prose: what stands in fenced code is blank. */
function proseOf(text: string): string[] {
  let closing: string | undefined;
  return text.split('\n').map((line) => {
    const [, marks] = fence.exec(line) ?? [];
    if (closing !== undefined) {
      if (marks?.startsWith(closing)) closing = undefined;
      return '';
    }
    closing = marks;
    return marks === undefined ? line : '';
  });
}

/** The anchors of a page, made from its headings as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const line of proseOf(text)) {
    const [, , title] = heading.exec(line) ?? [];
    if (title === undefined) continue;
    const shown = title.replaceAll('`', '').replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1');
    const base = shown
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = base;
    for (let again = 1; anchors.has(anchor); again += 1) anchor = `${base}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Each broken link as `file:line target`. */
function brokenLinks(pages: readonly Page[], exists: (path: string) => boolean): string[] {
  const anchors = new Map(pages.map(({ path, text }) => [path, anchorsOf(text)]));
  const isBroken = (from: string, target: string): boolean => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return false;
    const [file = '', anchor] = target.split('#', 2);
    const path = file === '' ? from : posix.normalize(posix.join(posix.dirname(from), decodeURIComponent(file)));
    if (path.startsWith('/') || path.startsWith('..') || !exists(path)) return true;
    return anchor !== undefined && anchors.get(path)?.has(anchor) !== true;
  };
  return linesOf(pages).flatMap(({ path, line, number }) =>
    [...line.replace(/`[^`]*`/g, '').matchAll(link)].flatMap(([, target = '']) =>
      isBroken(path, target) ? [`${path}:${number} ${target}`] : [],
    ),
  );
}

/** Each source that is named and not there, as `file:line name`. */
function missingSources(pages: readonly Page[], exists: (path: string) => boolean): string[] {
  return linesOf(pages).flatMap(({ path, line, number }) =>
    [...line.matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) =>
      sourceName.test(name) && ![`${posix.dirname(path)}/`, ...shortened].some((folder) => exists(folder + name))
        ? [`${path}:${number} ${name}`]
        : [],
    ),
  );
}

function linesOf(pages: readonly Page[]): { readonly path: string; readonly line: string; readonly number: number }[] {
  return pages.flatMap(({ path, text }) => proseOf(text).map((line, index) => ({ path, line, number: index + 1 })));
}

/** Rows of tables that end in a file, whose constant that file does not have. */
function missingConstants(text: string, read: (path: string) => string): { rows: number; missing: string[] } {
  const missing: string[] = [];
  let rows = 0;
  for (const line of proseOf(text)) {
    const [, constants = '', file] = /\| ((?:`[A-Za-z_]+`(?:, )?)+) \| `([\w./-]+\.ts)` \|$/.exec(line) ?? [];
    if (file === undefined) continue;
    rows += 1;
    const source = read(file);
    for (const [, constant = ''] of constants.matchAll(/`([A-Za-z_]+)`/g)) {
      if (!new RegExp(`\\b${constant}\\b`).test(source)) missing.push(`${file} ${constant}`);
    }
  }
  return { rows, missing };
}

const inRepository = (path: string): boolean => existsSync(posix.join(root, path));

describe('the documents', () => {
  const pages = readPages();

  it('point at files and headings that are there', () => {
    expect(pages.map(({ path }) => path)).toContain('README.md');
    expect(brokenLinks(pages, inRepository)).toEqual([]);
  });

  it('name sources that are there', () => {
    expect(missingSources(pages, inRepository)).toEqual([]);
  });

  it('name the constants of the limits as the code does', () => {
    const text = readFileSync(posix.join(root, 'docs/architecture.md'), 'utf8');
    const { rows, missing } = missingConstants(text, (file) => {
      const folder = shortened.find((one) => inRepository(one + file)) ?? '';
      return readFileSync(posix.join(root, folder, file), 'utf8');
    });
    expect(rows).toBeGreaterThan(30);
    expect(missing).toEqual([]);
  });
});

describe('the check of links', () => {
  const at = (...paths: string[]) => {
    return (path: string): boolean => paths.includes(path);
  };

  it('finds files and headings that are missing', () => {
    const a = {
      path: 'docs/a.md',
      text: '# One `two`, three!\n[b](../b.md#x-1) [a](#one-two-three) [c](c.md) ![p](p.png)',
    };
    const b = {
      path: 'b.md',
      text: '## X\n## X\n[a](docs/a.md#one) [out](../../etc/passwd) [site](https://example.org/x)',
    };
    expect(brokenLinks([a, b], at('docs/a.md', 'b.md'))).toEqual([
      'docs/a.md:2 c.md',
      'docs/a.md:2 p.png',
      'b.md:3 docs/a.md#one',
      'b.md:3 ../../etc/passwd',
    ]);
  });

  it('does not look into code', () => {
    const page = { path: 'a.md', text: '`[x](no.md)`\n```sh\n# no heading\n[x](no.md)\n```\n[y](#no-heading)' };
    expect(brokenLinks([page], at('a.md'))).toEqual(['a.md:6 #no-heading']);
  });

  it('finds sources and constants that are missing', () => {
    const text = 'see `http/app.ts` and `http/no.ts`\n| x | 1 | `maxX`, `no` | `http/app.ts` |';
    expect(missingSources([{ path: 'a.md', text }], at('server/src/http/app.ts'))).toEqual(['a.md:1 http/no.ts']);
    expect(missingConstants(text, () => 'const maxX = 1;')).toEqual({ rows: 1, missing: ['http/app.ts no'] });
  });
});
