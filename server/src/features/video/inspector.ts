import { open } from 'node:fs/promises';
import { DomainError } from '@tiktok-server/contract';
import {
  type AcceptedVideo,
  judgeVideo,
  probeArguments,
  readProbeReport,
  summarizeBoxes,
  type VideoLimits,
} from '../../media/index.ts';
import type { Transcoder } from '../../ports/index.ts';

/** Looks into a file; rejects with a {@link DomainError} that says why it is not taken. */
export interface Inspector {
  inspect(path: string, sizeBytes: number): Promise<AcceptedVideo>;
}

const probeTimeoutMs = 5_000;
/** A report of the streams that are allowed is a few kilobytes; ten thousand streams make megabytes. */
const probeMaxOutputBytes = 1024 * 1024;

export function createInspector(deps: { readonly transcoder: Transcoder; readonly limits: VideoLimits }): Inspector {
  return {
    inspect: async (path, sizeBytes) => {
      const probed = await deps.transcoder.run('ffprobe', probeArguments(path), {
        timeoutMs: probeTimeoutMs,
        maxOutputBytes: probeMaxOutputBytes,
      });
      if (probed.exitCode === null) {
        throw new DomainError('ErrOverloaded', {
          detail: { en: 'the file could not be looked at in time', zh: '未能及时检查文件' },
          cause: `ffprobe ended by ${probed.end}: ${probed.stderrTail}`,
        });
      }
      const report = probed.exitCode === 0 ? readProbeReport(probed.stdout.toString('utf8')) : undefined;
      const verdict = judgeVideo(report, deps.limits);
      if (verdict.kind === 'refused') {
        throw new DomainError(verdict.error, { detail: verdict.rule, cause: probed.stderrTail });
      }
      if (verdict.extension === 'mp4') await requireComplete(path, sizeBytes);
      return verdict;
    },
  };
}

async function requireComplete(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'r');
  try {
    const boxes = await summarizeBoxes(sizeBytes, async (offset, length) => {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    });
    if (boxes.complete) return;
    throw new DomainError('ErrUploadIncomplete', {
      detail: { en: 'the video ends before its own index says so; upload it again', zh: '视频数据不完整，请重新上传' },
    });
  } finally {
    await file.close();
  }
}
