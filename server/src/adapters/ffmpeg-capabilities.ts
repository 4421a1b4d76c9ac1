/** What a build of ffmpeg has, read from the lists that it prints. */
import type { ToolLimits, ToolResult, TranscoderCapabilities } from '../ports/index.ts';

/** The lists of a build with everything have some 50 KiB. */
const limits: ToolLimits = { timeoutMs: 10_000, maxOutputBytes: 1024 * 1024 };

/** Rejects if ffmpeg does not list what it has. */
export async function readCapabilities(
  run: (args: readonly string[], limits: ToolLimits) => Promise<ToolResult>,
): Promise<TranscoderCapabilities> {
  const list = async (what: string): Promise<ReadonlySet<string>> => {
    const { exitCode, end, stdout, stderrTail } = await run(['-hide_banner', what], limits);
    if (exitCode !== 0) throw new Error(`ffmpeg ${what} ended by ${end}, ${exitCode}: ${stderrTail}`);
    return namesIn(stdout.toString('utf8'));
  };
  const [filters, encoders] = [await list('-filters'), await list('-encoders')];
  return { filters, encoders };
}

/** Lines such as ` V....D libx264   description` and ` T.C zscale   V->V   description`: flags, then the name. */
function namesIn(list: string): ReadonlySet<string> {
  return new Set([...list.matchAll(/^ [A-Z.|]{2,6} (\w+)\s/gm)].map(([, name = '']) => name));
}
