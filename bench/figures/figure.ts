import { fileURLToPath } from 'node:url';
import type { Outcome } from '../report.ts';
import type { Resources } from '../resources.ts';

/** What a figure is given. */
export type Bench = {
  readonly resources: Resources;
  /** Fewer runs and smaller input: shows that it works, says little. */
  readonly quick: boolean;
  /** Cores for the server and for who measures; undefined where the machine cannot tie programs to cores. */
  readonly cores: { readonly server: number; readonly client: number } | undefined;
  readonly say: (progress: string) => void;
};

export type FigureDefinition = {
  readonly name: string;
  readonly title: string;
  readonly method: string;
  measure(bench: Bench): Promise<Outcome>;
};

export const megabyte = 1_000_000;

/** Small clips that need no conversion. */
export const demoClips = ['tide.mp4', 'bloom.mp4', 'aurora.mp4'].map((name) =>
  fileURLToPath(new URL(`../../server/demo/${name}`, import.meta.url)),
);
