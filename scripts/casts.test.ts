// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the samples are code
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkCasts } from './casts.ts';
import { readSourceFiles } from './source-files.ts';
import { importsOf, readSource } from './source-text.ts';

const linesOf = (text: string): number[] => checkCasts([{ path: 'x.ts', text }]).map(({ line }) => line);

test.each([
  'const a = b as Foo;',
  'const a = b as any;',
  'const a = (b as unknown) ;',
  "const a = 'b' as Foo;",
  'const a = `b` as Foo;',
  'const a = {} as { b: string };',
  'const a = [] as [string];',
  "const a = b as 'c';",
  'const a = b!  as  Foo;',
  'const a = b as typeof c;',
  'const a = f(b) as constant;',
  'export const a = { b: c as Foo };',
  'const a = `x ${b as Foo} y`;',
  'const a = `x ${`y ${{ b }} ${b as Foo}`} z`;',
  'const a = c / 2 / (b as number);',
  "const a = /'/.test(b as string);",
  'const a = return_ / 1; const c = b as Foo; // /',
  '// @ts-ignore',
  '/* @ts-expect-error because */ f();',
  '/** @ts-nocheck */',
  '// biome-ignore lint/suspicious/noExplicitAny: just this once',
  '// biome-ignore-all lint/suspicious/noSkippedTests: later',
  '// biome-ignore lint: everything',
])('%s is found', (text) => {
  expect(linesOf(text)).toEqual([1]);
});

test.each(["it.todo('x');", "test.skipIf(a)('x', f);", "describe.runIf(a)('x', f);", "it.fails('x', f);"])(
  '%s is found in a test',
  (text) => {
    expect(checkCasts([{ path: 'x.test.ts', text }]).map(({ rule }) => rule)).toEqual(['a test that does not run']);
    expect(linesOf(text)).toEqual([]);
  },
);

test('casts and silencers are found where they are', () => {
  const text = "import {\n  a as b,\n} from './x.ts';\nconst c = b\n  as Foo;\n/*\n * @ts-ignore\n */\n";
  expect(linesOf(text)).toEqual([5, 7]);
});

test.each([
  'const a = [1, 2] as const;',
  "import { a as b, type c as d } from 'x';",
  "import e, { a as b } from 'x';",
  "import type { a as b } from 'x';",
  "import * as a from 'x';",
  "export * as a from 'x';",
  'export { a as b, c as d };',
  'type A<T> = { [K in keyof T as Exclude<K, "a">]: T[K] };',
  'const a = b satisfies Foo;',
  "query.select((b) => b.ref('x').as('y'));",
  '// known as Foo, @ts-ignore is forbidden',
  '/* b as Foo\n   c as Bar */',
  '// biome-ignore lint/suspicious/noControlCharactersInRegex: what this finds',
  'const a = \'b as Foo\'; const c = "d as Foo";',
  "const a = 'it\\'s b as Foo';",
  'const a = `b as Foo ${c} d as Bar`;',
  'const a = /b as Foo/.test(c);',
  'const a = [/[/"] as Foo/, 1];',
  'f(() => /\\/b as Foo/);',
])('%s is fine', (text) => {
  expect(linesOf(text)).toEqual([]);
});

test('this repository has none', () => {
  expect(checkCasts(readSourceFiles(new URL('..', import.meta.url)))).toEqual([]);
});

test('reading keeps every offset and line, whatever the text', () => {
  const piece = fc.constantFrom(
    '`',
    '${',
    '}',
    '{',
    "'",
    '"',
    '/',
    '//',
    '/*',
    '*/',
    '\\',
    '\n',
    ' as ',
    'a',
    '(',
    ')',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join('');
      const { code } = readSource(text);
      expect(code).toHaveLength(text.length);
      expect(code.split('\n').length).toBe(text.split('\n').length);
    }),
    { numRuns: 1_000 },
  );
});

test('imports of every form', () => {
  const text = [
    "import a from 'm1';",
    "import type { b } from 'm2';",
    "import 'm3';",
    "const c = await import('m4');",
    "export * from 'm5';",
    "export type { d } from 'm6';",
    "import type from 'm7';",
    "type E = import('m8').F;",
    "// import x from 'no1';",
    'const t = "import x from \'no2\'";',
    "const u = `import x from 'no3'`;",
  ].join('\n');
  const found = importsOf(readSource(text)).map(({ target, typeOnly }) => `${target}${typeOnly ? ' type' : ''}`);
  expect(found.sort()).toEqual(['m1', 'm2 type', 'm3', 'm4', 'm5', 'm6 type', 'm7', 'm8']);
});
