/** Real Chromium, and a page in it that plays what a server offers, through hls.js or by itself. */
import { readFileSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { Type } from 'typebox';
import { Compile } from 'typebox/schema';
import { describe } from 'vitest';
import { EngineMissingError } from '../../engines/engine.ts';
import { findProgram } from '../../engines/programs.ts';
import { notRun } from './engines.ts';

const startTimeoutMs = 30_000;
const flags = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
];

/** A suite in a browser; where there is none it says so, and fails in continuous integration. */
export function describeBrowser(name: string, suite: (executablePath: string) => void): void {
  try {
    const executablePath = findProgram(['chromium', 'google-chrome'], 'chromium');
    describe(name, () => suite(executablePath));
  } catch (error) {
    if (!(error instanceof EngineMissingError)) throw error;
    notRun(error.message);
  }
}

const seconds = Type.Number();
const Played = Type.Object({
  errors: Type.Array(Type.String()),
  ended: Type.Boolean(),
  at: seconds,
  /** Null if nothing could be loaded. */
  duration: Type.Union([seconds, Type.Null()]),
  /** The moment of the first picture that was shown. */
  shown: Type.Optional(seconds),
  /** Heights of the pictures that were shown, in their order. */
  heights: Type.Array(Type.Integer()),
  /** Heights that the master playlist offers. */
  offered: Type.Optional(Type.Array(Type.Integer())),
  /** Decoded ones. */
  pictures: Type.Integer(),
  soundBytes: Type.Integer(),
  /** First and last moment that Media Source Extensions hold; empty without them, or without such a track. */
  videoSpan: Type.Array(seconds),
  audioSpan: Type.Array(seconds),
});
const played = Compile(Played);

export type Player = {
  /**
   * Plays a file, or with `levels` an HLS stream: from its beginning in the first of the levels, and from `switchAtSeconds`
   * on in the second, if there is one. Level 0 has the fewest bits.
   */
  play(what: {
    readonly url: string;
    readonly levels?: readonly number[];
    readonly rate: number;
    readonly switchAtSeconds?: number;
  }): Promise<
    Type.Static<typeof Played> & {
      /** What the console complained about, and requests that failed. */
      readonly complaints: readonly string[];
    }
  >;
  close(): Promise<void>;
};

/** A page of `origin`, which the test puts there: what it loads from the server needs no leave of that. */
export async function openPlayer(executablePath: string, origin: string): Promise<Player> {
  const browser = await chromium.launch({ executablePath, args: flags, timeout: startTimeoutMs });
  try {
    const page = await browser.newPage();
    await put(page, origin);
    return playerOf(browser, page);
  } catch (error) {
    await browser.close();
    throw error;
  }
}

async function put(page: Page, origin: string): Promise<void> {
  const files = {
    '/player/': ['player/player.html', 'text/html'],
    '/player/hls.js': ['../../node_modules/hls.js/dist/hls.min.js', 'text/javascript'],
  } as const;
  for (const [path, [file, contentType]] of Object.entries(files)) {
    const body = readFileSync(new URL(file, import.meta.url));
    await page.route(`${origin}${path}`, (route) => route.fulfill({ contentType, body }));
  }
  await page.goto(`${origin}/player/`);
}

function playerOf(browser: Browser, page: Page): Player {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  return {
    play: async (what) => {
      complaints.length = 0;
      const text: unknown = await page.evaluate(`play(${JSON.stringify(what)})`);
      const result: unknown = JSON.parse(String(text));
      if (!played.Check(result)) throw new Error(`the player says ${text}`);
      return { ...result, complaints: [...complaints] };
    },
    close: () => browser.close(),
  };
}
