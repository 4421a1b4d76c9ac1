/**
 * Tries every order in which the steps of a few actors can follow each other, with the real code: a stateless model checker
 * (Godefroid, "Model checking for programming languages using VeriSoft", POPL 1997). An actor asks for a turn before each
 * step that others could come between; one of those who wait is let on, until nothing moves any more. Each run takes the
 * first choice that has not been tried yet, so all of them are, and a run can be repeated by its choices.
 */
export type Turn = (step: string) => Promise<void>;

export type World = {
  /** What runs at the same time; each begins with its first turn. */
  readonly actors: readonly ((turn: Turn) => Promise<void>)[];
  /** Called when all have ended; throws if what must hold does not. */
  readonly check: () => Promise<void>;
};

export type Exploration = {
  readonly runs: number;
  /** The steps of the first run that broke what must hold, in their order, and what it broke. */
  readonly failure: { readonly steps: readonly string[]; readonly error: unknown } | undefined;
};

/** Beyond this the model is too large: nobody would know which orders were left out. */
const maxRuns = 200_000;
export async function explore(make: () => Promise<World>): Promise<Exploration> {
  let path: number[] = [];
  for (let runs = 1; runs <= maxRuns; runs += 1) {
    const { taken, steps, error } = await runOnce(await make(), path);
    if (error !== undefined) return { runs, failure: { steps, error: error.reason } };
    const next = following(taken);
    if (next === undefined) return { runs, failure: undefined };
    path = next;
  }
  throw new Error(`more than ${maxRuns} orders`);
}

type Taken = readonly { readonly choice: number; readonly of: number }[];

/** The last choice that had another one after it, and that one. */
function following(taken: Taken): number[] | undefined {
  for (let position = taken.length - 1; position >= 0; position -= 1) {
    const { choice, of } = taken[position] ?? { choice: 0, of: 0 };
    if (choice + 1 < of) return [...taken.slice(0, position).map((one) => one.choice), choice + 1];
  }
  return undefined;
}

async function runOnce(
  world: World,
  path: readonly number[],
): Promise<{ taken: Taken; steps: string[]; error: { reason: unknown } | undefined }> {
  const waiting: { readonly step: string; readonly go: () => void }[] = [];
  const taken: { choice: number; of: number }[] = [];
  const steps: string[] = [];
  let error: { reason: unknown } | undefined;
  const note = (reason: unknown): void => {
    error ??= { reason };
  };
  world.actors.forEach((actor, position) => {
    const turn: Turn = (step) =>
      new Promise((resolve) => {
        waiting.push({ step: `${position}: ${step}`, go: resolve });
      });
    actor(turn).catch(note);
  });
  for (;;) {
    // Steps are made of promises alone: by the next turn of the event loop, everyone is at its next step, or at its end.
    await new Promise((resolve) => setImmediate(resolve));
    // In the order of the actors, so that the same choices give the same run.
    waiting.sort((one, other) => (one.step < other.step ? -1 : 1));
    const choice = path[taken.length] ?? 0;
    const [chosen] = waiting.splice(choice, 1);
    if (chosen === undefined) break;
    taken.push({ choice, of: waiting.length + 1 });
    steps.push(chosen.step);
    chosen.go();
  }
  await world.check().catch(note);
  return { taken, steps, error };
}
