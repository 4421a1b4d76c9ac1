/** What tests need of Docker where there is none: a Dockerfile read into its stages, and what .dockerignore lets through. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export type Step = { readonly instruction: string; readonly text: string };
export type Stage = { readonly image: string; readonly name: string | undefined; readonly steps: readonly Step[] };

/** Instructions with their continued lines joined, without comments, by stage. */
export function readDockerfile(text: string): Stage[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line));
  const joined = lines.join('\n').replace(/\\\n\s*/g, '');
  const stages: { image: string; name: string | undefined; steps: Step[] }[] = [];
  for (const line of joined.split('\n')) {
    if (line.trim() === '') continue;
    const [, instruction = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (instruction === '') throw new Error(`not an instruction: ${line}`);
    if (instruction === 'FROM') {
      const [image = '', as, name] = rest.split(/\s+/);
      stages.push({ image, name: as === 'AS' ? name : undefined, steps: [] });
    } else stages.at(-1)?.steps.push({ instruction, text: rest });
  }
  return stages;
}

/** The texts of all steps of one kind. */
export const stepsOf = (stage: Stage, instruction: string): string[] =>
  stage.steps.filter((step) => step.instruction === instruction).map(({ text }) => text);

/** `COPY [--from=STAGE] SOURCE… TARGET` */
export function readCopy(text: string): {
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
} {
  const words = text.split(/\s+/);
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  const paths = words.filter((word) => !word.startsWith('--'));
  return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
}

/** `NAME=VALUE NAME=VALUE`, none of them quoted. */
export const readEnv = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.split(/\s+/).map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );

/** As Docker reads it: names that begin with a dot are names like any other. */
function globPattern(glob: string): RegExp {
  const parts = glob.split(/([*]{2}\/|[*])/).map((part) => {
    if (part === '**/') return '(?:.*/)?';
    return part === '*' ? '[^/]*' : part.replace(/[.+^${}()|[\]\\?]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`);
}

/** The files below `root` that a build gets to see, as relative paths: the last pattern that matches decides. */
export function buildContext(root: string, dockerignore: string): string[] {
  const patterns = dockerignore.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const isIgnored = (path: string): boolean => {
    const parts = path.split('/');
    const ancestors = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    let ignored = false;
    for (const pattern of patterns) {
      const plain = pattern.replace(/^!/, '');
      if (ancestors.some((one) => globPattern(plain).test(one))) ignored = !pattern.startsWith('!');
    }
    return ignored;
  };
  // Much and never wanted: not even looked into.
  const entries = readdirSync(root, { withFileTypes: true }).filter(
    ({ name }) => !['node_modules', '.git', 'data'].includes(name),
  );
  const files = entries.flatMap((entry) =>
    entry.isDirectory()
      ? readdirSync(join(root, entry.name), { withFileTypes: true, recursive: true })
          .filter((file) => file.isFile())
          .map((file) => join(file.parentPath, file.name).slice(root.length).replace(/^\//, ''))
      : [entry.name],
  );
  return files.filter((path) => !isIgnored(path));
}
