import {
  countKeyFrames,
  hardwareEncoders,
  trialArguments,
  trialKeyFrames,
  type VideoEncoder,
} from '../../media/index.ts';
import { BlobStoreFullError, type Transcoder } from '../../ports/index.ts';

/** Which encoder makes H.264 on this machine, and what happens when it stops doing so. */
export interface Encoders {
  /** The one to use: found out by really encoding when it is first asked for. Never rejects. */
  current(): Promise<VideoEncoder>;
  /**
   * Encodes with the current encoder. If that is hardware and the work rejects, the work is done again with libx264; where that
   * succeeds, the hardware was to blame and is not used again before a restart, else the file was. Work that is aborted, or finds no room on the disk, is not done again.
   */
  encode<T>(work: (encoder: VideoEncoder) => Promise<T>, signal: AbortSignal): Promise<T>;
}

const software = 'libx264';
/** A trial takes well under a second where there is something to encode with. */
const trialTimeoutMs = 5_000;
const allTrialsTimeoutMs = 15_000;
/** Two seconds of a small picture at 1 Mbit/s are a quarter of this. */
const trialMaxOutputBytes = 1024 * 1024;

/** A driver's complaints go on for lines; the first one says it. */
const reasonMaxCharacters = 120;

type Say = (level: 'info' | 'warn', fields: Readonly<Record<string, unknown>>, message: string) => void;

export function createEncoders(deps: {
  readonly transcoder: Pick<Transcoder, 'run' | 'capabilities'>;
  /** What is set: `auto` takes the first hardware encoder that works. */
  readonly wanted: VideoEncoder | 'auto';
  /** `process.platform`. */
  readonly platform: string;
  readonly say: Say;
}): Encoders {
  const { transcoder, wanted, platform, say } = deps;
  let choice: Promise<VideoEncoder> | undefined;

  /** Undefined if it works, else why not. */
  async function tryOut(encoder: VideoEncoder, timeoutMs: number): Promise<string | undefined> {
    const result = await transcoder.run('ffmpeg', trialArguments(encoder), {
      timeoutMs,
      maxOutputBytes: trialMaxOutputBytes,
      maxMemoryBytes: 'unlimited',
    });
    if (result.end !== 'exit' || result.exitCode !== 0) {
      const [line = ''] = result.stderrTail.trim().split('\n');
      return line.slice(0, reasonMaxCharacters) || `ended by ${result.end}`;
    }
    const keyFrames = countKeyFrames(result.stdout);
    return keyFrames === trialKeyFrames
      ? undefined
      : `made ${keyFrames} key frames where ${trialKeyFrames} were asked for`;
  }

  async function choose(): Promise<VideoEncoder> {
    if (wanted === software) return software;
    const { encoders } = await transcoder.capabilities();
    const candidates = wanted === 'auto' ? hardwareEncoders(platform) : [wanted];
    const offered = candidates.filter((name) => encoders.has(name));
    const deadline = performance.now() + allTrialsTimeoutMs;
    const reasons: Record<string, string> = {};
    for (const encoder of offered) {
      const leftMs = Math.ceil(deadline - performance.now());
      const reason =
        leftMs > 0 ? await tryOut(encoder, Math.min(leftMs, trialTimeoutMs)) : 'there was no time left to try it';
      if (reason === undefined) {
        say('info', { encoder }, `videos are encoded by ${encoder}`);
        return encoder;
      }
      reasons[encoder] = reason;
    }
    if (wanted === 'auto') say('info', { encoder: software, reasons }, `videos are encoded by ${software}`);
    else {
      const reason = reasons[wanted] ?? 'this ffmpeg does not have it';
      say(
        'warn',
        { encoder: software, wanted, reason },
        `VIDEO_ENCODER: ${wanted} does not work here, videos are encoded by ${software}`,
      );
    }
    return software;
  }

  const current = async (): Promise<VideoEncoder> => {
    choice ??= choose();
    try {
      return await choice;
    } catch {
      // ffmpeg did not say what it has, which may be over the next time.
      choice = undefined;
      return software;
    }
  };

  return {
    current,
    encode: async (work, signal) => {
      const encoder = await current();
      if (encoder === software) return await work(software);
      try {
        return await work(encoder);
      } catch (error) {
        if (signal.aborted || error instanceof BlobStoreFullError) throw error;
        const made = await work(software);
        if ((await current()) === encoder) {
          choice = Promise.resolve(software);
          const reason = error instanceof Error ? error.message : String(error);
          say(
            'warn',
            { encoder: software, failed: encoder, reason },
            `${encoder} failed where ${software} did not: it is not used again before a restart`,
          );
        }
        return made;
      }
    },
  };
}

/** What the driver of a graphics card maps is far more than what it uses: the bound on memory is for libx264. */
export const memoryLimitOf = (encoder: VideoEncoder): { readonly maxMemoryBytes?: 'unlimited' } =>
  encoder === software ? {} : { maxMemoryBytes: 'unlimited' };
