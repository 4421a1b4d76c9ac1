/**
 * Tells code from comments, strings and regular expressions, so that the rules of this folder look at what is code. Not a
 * parser: offsets and lines stay as they are, what is not code becomes blanks.
 */
export type SourceText = {
  /** The text with comments, the insides of strings and regular expressions blanked; quotes stay. */
  readonly code: string;
  readonly comments: readonly { readonly offset: number; readonly text: string }[];
  /** The insides of quoted strings, by the offset of their opening quote. */
  readonly strings: ReadonlyMap<number, string>;
};

export type Import = {
  readonly offset: number;
  readonly target: string;
  /** `import type` and `export type`: gone at run time. */
  readonly typeOnly: boolean;
};

/** After one of these words a slash begins a regular expression; after any other word it divides. */
const beforeExpression = /\b(?:return|typeof|case|in|of|delete|void|throw|new|else|do|instanceof|await|yield)$/;

const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

export function readSource(text: string): SourceText {
  const comments: { offset: number; text: string }[] = [];
  const strings = new Map<number, string>();
  /** For each template that is open: how many braces are open in its `${…}`. */
  const templates: number[] = [];
  let code = '';
  const at = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = code.length;
    return pattern.exec(text)?.[0];
  };
  const templateText = (): void => {
    code += blank(at(/(?:\\[\s\S]|\$(?!\{)|[^\\`$])*/y) ?? '');
    if (text.startsWith('${', code.length)) {
      templates.push(0);
      code += '${';
    } else {
      code += text.charAt(code.length);
    }
  };
  while (code.length < text.length) {
    const offset = code.length;
    const char = text.charAt(offset);
    const comment = char === '/' ? at(/\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y) : undefined;
    const quoted =
      char === "'" || char === '"' ? at(/'(?:\\[\s\S]|[^'\\\n])*'?|"(?:\\[\s\S]|[^"\\\n])*"?/y) : undefined;
    const expression =
      char === '/' && comment === undefined && expectsExpression(code)
        ? at(/\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y)
        : undefined;
    if (comment !== undefined) {
      comments.push({ offset, text: comment });
      code += blank(comment);
    } else if (quoted !== undefined) {
      strings.set(offset, quoted.slice(1, -1));
      code += quoted.length < 2 ? quoted : char + blank(quoted.slice(1, -1)) + quoted.slice(-1);
    } else if (expression !== undefined) {
      code += `/${blank(expression.slice(1, -1))}/`;
    } else {
      code += char;
      const open = templates.at(-1);
      if (char === '`') templateText();
      else if (char === '{' && open !== undefined) templates.splice(-1, 1, open + 1);
      else if (char === '}' && open === 0) {
        templates.pop();
        templateText();
      } else if (char === '}' && open !== undefined) templates.splice(-1, 1, open - 1);
    }
  }
  return { code, comments, strings };
}

function expectsExpression(codeBefore: string): boolean {
  const before = codeBefore.slice(-200).trimEnd();
  return before === '' || !/[\w$)\]}'"`]$/.test(before) || beforeExpression.test(before);
}

/** Every module that the source names: static and dynamic imports, and what it exports again. */
export function importsOf({ code, strings }: SourceText): Import[] {
  const found: Import[] = [];
  const clause = /\b(?:import|export)\b(\s+type\b(?!\s*(?:,|from\b)))?[^;'"`()=]*?\bfrom\s*(?=['"])/g;
  for (const [patterns, dynamic] of [
    [clause, false],
    [/\bimport\s*(?:\(\s*)?(?=['"])/g, true],
  ] as const) {
    for (const match of code.matchAll(patterns)) {
      const target = strings.get(match.index + match[0].length);
      if (target === undefined) continue;
      found.push({ offset: match.index, target, typeOnly: !dynamic && match[1] !== undefined });
    }
  }
  return found;
}

export const lineOf = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;
