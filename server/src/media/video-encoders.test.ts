import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  countKeyFrames,
  encoderArguments,
  hardwareEncoders,
  trialArguments,
  trialKeyFrames,
  videoEncoders,
} from './index.ts';

const request = {
  stream: 'v:1',
  crf: 21,
  maxBitsPerSecond: 3_000_000,
  keyFrames: 'expr:gte(t,2*n_forced)',
  threads: 2,
};

describe.each(videoEncoders)('%s', (encoder) => {
  const { filter, output } = encoderArguments(encoder, request);
  const given = (option: string): string | undefined => output[output.indexOf(`-${option}:v:1`) + 1];

  it('is told everything for the one stream, in words', () => {
    expect(output.length % 2).toBe(0);
    for (const [at, word] of output.entries()) {
      if (at % 2 === 0) expect(word).toMatch(/^-[a-z_-]+:v:1$/);
      else expect(word).not.toMatch(/undefined|NaN|null|\[object|^$/);
    }
  });

  it('gets a most of bits, and key frames where they are asked for', () => {
    expect(given('c')).toBe(encoder);
    expect([given('maxrate'), given('bufsize')]).toEqual(['3000000', '4500000']);
    expect(given('force_key_frames')).toBe(request.keyFrames);
    expect(given('flags')).toBe('+cgop');
    expect(filter).toContain('format=');
  });
});

it('tries what a platform may have, and never software as hardware', () => {
  expect(hardwareEncoders('linux')).toContain('h264_vaapi');
  expect(hardwareEncoders('darwin')).toEqual(['h264_videotoolbox']);
  for (const platform of ['linux', 'darwin', 'win32', 'freebsd']) {
    expect(hardwareEncoders(platform)).not.toContain('libx264');
  }
});

describe('libx264, really run', () => {
  const encoded = (args: readonly string[]): Buffer => execFileSync('ffmpeg', [...args], { maxBuffer: 16 * 1024 ** 2 });

  it('makes the key frames of the trial', () => {
    expect(countKeyFrames(encoded(trialArguments('libx264')))).toBe(trialKeyFrames);
  });

  it('makes no others, not even at cuts', () => {
    const { filter, output } = encoderArguments('libx264', { ...request, stream: 'v:0', threads: 1 });
    // Every half second another picture: without the options there would be a key frame at each cut.
    const cuts = "color=red:s=64x64:r=10:d=6,geq=r='255*mod(floor(T*2),2)':g='random(1)*200*mod(floor(T*2+1),2)':b=128";
    const input = ['-v', 'error', '-nostdin', '-f', 'lavfi', '-i', cuts, '-vf', filter];
    expect(countKeyFrames(encoded([...input, ...output, '-f', 'h264', 'pipe:1']))).toBe(3);
  });
});
