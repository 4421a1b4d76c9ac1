import { createHash } from 'node:crypto';
import { DomainError } from '@tiktok-server/contract';
import { expect, it } from 'vitest';
import { readDeclared, withoutToken } from './upload-metadata.ts';

const digest = createHash('sha256').update('content').digest();
const refusal = (metadata: Record<string, string | null>): string | undefined => {
  try {
    readDeclared(metadata);
    return undefined;
  } catch (error) {
    return error instanceof DomainError ? error.row : String(error);
  }
};

it('takes what is not given for nothing', () => {
  for (const metadata of [{}, { title: null, sha256: null, filename: 'a.mp4', filetype: 'x' }, { sha256: '' }]) {
    expect(readDeclared(metadata)).toEqual({ title: '', sha256: undefined, again: false });
  }
});

it('reads a hash in any of its spellings', () => {
  for (const encoding of ['hex', 'base64', 'base64url'] as const) {
    expect(readDeclared({ sha256: digest.toString(encoding) }).sha256).toBe(digest.toString('hex'));
  }
  expect(readDeclared({ sha256: digest.toString('hex').toUpperCase() }).sha256).toBe(digest.toString('hex'));
  for (const sha256 of ['x', '0'.repeat(63), '0'.repeat(65), '='.repeat(44)])
    expect(refusal({ sha256 })).toBe('ErrValidation');
});

it('has the rules of a title where any video has them', () => {
  expect(readDeclared({ title: 'line\nline' }).title).toBe('line\nline');
  expect(refusal({ title: 'x'.repeat(256) })).toBe('ErrTitleTooLong');
  expect(refusal({ title: '\u0000' })).toBe('ErrValidation');
});

it('wants a file that is published already only if that is said', () => {
  expect(readDeclared({ again: '1' }).again).toBe(true);
  for (const again of ['', '0', 'true', null]) expect(readDeclared({ again }).again).toBe(false);
});

it('keeps no token', () => {
  expect(withoutToken({ token: 'secret', title: 'a' })).toEqual({ title: 'a' });
});
