import { open } from 'node:fs/promises';
import { DomainError } from '@tiktok-server/contract';
import {
  type AcceptedVideo,
  endsWithin,
  judgeUnread,
  judgeVideo,
  probeArguments,
  readProbeReport,
  segmentLookBytes,
  summarizeBoxes,
  type VideoLimits,
} from '../../media/index.ts';
import type { Transcoder } from '../../ports/index.ts';

/** Looks into a file, for at most 5 s or what is given; rejects with a {@link DomainError} that says why it is not taken. */
export interface Inspector {
  inspect(path: string, sizeBytes: number, budgetMs?: number): Promise<AcceptedVideo>;
}

const probeTimeoutMs = 5_000;
/** A report of the streams that are allowed is a few kilobytes; ten thousand streams make megabytes. */
const probeMaxOutputBytes = 1024 * 1024;

export function createInspector(deps: { readonly transcoder: Transcoder; readonly limits: VideoLimits }): Inspector {
  return {
    inspect: async (path, sizeBytes, budgetMs = probeTimeoutMs) => {
      const probed = await deps.transcoder.run('ffprobe', probeArguments(path), {
        timeoutMs: Math.min(probeTimeoutMs, budgetMs),
        maxOutputBytes: probeMaxOutputBytes,
      });
      if (probed.exitCode === null) {
        throw new DomainError('ErrOverloaded', {
          detail: { en: 'the file could not be looked at in time', zh: '未能及时检查文件' },
          cause: `ffprobe ended by ${probed.end}: ${probed.stderrTail}`,
        });
      }
      const verdict =
        probed.exitCode === 0
          ? judgeVideo(readProbeReport(probed.stdout.toString('utf8')), deps.limits)
          : judgeUnread(probed.stderrTail);
      if (verdict.kind === 'refused') {
        throw new DomainError(verdict.error, { detail: verdict.rule, cause: probed.stderrTail });
      }
      await requireComplete(path, sizeBytes, verdict.extension);
      return verdict;
    },
  };
}

/** Containers that say how long they are have to be all there; a cut one would play, and end too early. */
async function requireComplete(path: string, sizeBytes: number, extension: string): Promise<void> {
  if (extension !== 'mp4' && extension !== 'webm') return;
  const file = await open(path, 'r');
  try {
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    };
    const complete =
      extension === 'mp4'
        ? (await summarizeBoxes(sizeBytes, read)).complete
        : endsWithin(await read(0, segmentLookBytes), sizeBytes);
    if (complete) return;
    throw new DomainError('ErrUploadIncomplete', {
      detail: { en: 'the video ends before its own index says so; upload it again', zh: '视频数据不完整，请重新上传' },
    });
  } finally {
    await file.close();
  }
}
