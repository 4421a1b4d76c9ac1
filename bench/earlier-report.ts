/** Figures of an earlier run: a run of some of them renews those, and leaves the others as they were measured. */
import { existsSync, readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { Parse } from 'typebox/schema';
import type { Figure } from './report.ts';

const unit = Type.Enum(['ms', 'MB', 'MB/s', 'requests/s', 'µs', '%', '']);
const measurement = Type.Object({
  label: Type.String(),
  unit,
  values: Type.Array(Type.Number()),
  goal: Type.Optional(Type.Object({ relation: Type.Enum(['below', 'at least']), value: Type.Number() })),
});
const report = Type.Object({
  date: Type.String(),
  conditions: Type.Record(Type.String(), Type.String()),
  figures: Type.Array(
    Type.Object({
      name: Type.String(),
      title: Type.String(),
      method: Type.String(),
      since: Type.Optional(Type.String()),
      outcome: Type.Union([
        Type.Object({
          kind: Type.Literal('measured'),
          measurements: Type.Array(measurement),
          notes: Type.Array(Type.String()),
        }),
        Type.Object({ kind: Type.Enum(['unavailable', 'failed']), reason: Type.String() }),
      ]),
    }),
  ),
});

/**
 * All figures in the order of `names`: those of this run, and of the report at `path` the others, which then say when and of which
 * commit they are. Rejects what is no report of this program.
 */
export function withEarlier(path: string, names: readonly string[], measured: readonly Figure[]): Figure[] {
  const earlier = existsSync(path) ? Parse(report, JSON.parse(readFileSync(path, 'utf8'))) : undefined;
  return names.flatMap((name): Figure[] => {
    const now = measured.find((figure) => figure.name === name);
    if (now !== undefined) return [now];
    const before = earlier?.figures.find((figure) => figure.name === name);
    if (before === undefined || earlier === undefined) return [];
    const { date, conditions } = earlier;
    return [{ ...before, since: before.since ?? `${date}, commit ${conditions['commit']}, ${conditions['machine']}` }];
  });
}
