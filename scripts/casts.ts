/**
 * No line may overrule the type checker: casts with `as` (but `as const`), comments that silence it, and comments that let
 * an `any` or a skipped test pass. Biome has no rule for the first. Pure: files in, violations out.
 */
import type { SourceFile, Violation } from './source-files.ts';
import { lineOf, readSource } from './source-text.ts';

/** `as` between the end of an expression and the beginning of a type. */
const cast = /(?<=[\w$)\]}'"`!]\s+)as\s+(?!const\b)(?=[\w${[('"`])/g;
/** Names that are changed while they are imported or exported: `import { a as b }`, `export * as c`. */
const renames = /\b(?:import|export)\b(?:\s+type\b)?(?:\s+[\w$]+\s*,)?\s*(?:\{[^}]*\}|\*\s*as\s+[\w$]+)/g;
/** A mapped type may give its keys new names: `[K in keyof T as …]`. */
const keyRenames = /\[\s*[\w$]+\s+in\b[^\n;]*?\bas\b/g;
/** TypeScript obeys these at the beginning of a comment's line. */
const silencer = /^[\s/*]*@ts-(?:ignore|expect-error|nocheck)\b/;

/** Rules of Biome that have no exceptions here. */
const excepted =
  /\bbiome-ignore\S*\s+lint(?:\/suspicious)?(?:\/no(?:ExplicitAny|SkippedTests|FocusedTests))?\s*(?::|$)/;
/** Tests that do not run, or need not pass, without Biome noticing. */
const notRun = /\b(?:it|test|describe)\s*\.\s*(?:skip|only|todo|skipIf|runIf|fails)\b/g;

const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

export function checkCasts(files: readonly SourceFile[]): Violation[] {
  return files.filter(({ path }) => path.endsWith('.ts')).flatMap(checkFile);
}

function checkFile({ path, text }: SourceFile): Violation[] {
  const { code, comments } = readSource(text);
  const looked = code.replace(renames, blank).replace(keyRenames, blank);
  const casts = [...looked.matchAll(cast)].map(({ index }) => ({
    path,
    line: lineOf(text, index),
    rule: 'casts with `as`: narrow the type with a guard instead',
  }));
  const tests = /\.test\.ts$/.test(path) ? [...code.matchAll(notRun)] : [];
  const skipped = tests.map(({ index }) => ({ path, line: lineOf(text, index), rule: 'a test that does not run' }));
  const silenced = comments.flatMap((comment) =>
    comment.text
      .split('\n')
      .flatMap((commentLine, index) =>
        silencer.test(commentLine) || excepted.test(commentLine)
          ? [{ path, line: lineOf(text, comment.offset) + index, rule: 'silences the type checker' }]
          : [],
      ),
  );
  return [...casts, ...skipped, ...silenced];
}
