import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DomainError, type ErrorRow, errors } from './index.ts';

const rows: readonly (readonly [string, ErrorRow])[] = Object.entries(errors);

describe.each(rows)('%s', (name, row) => {
  it('has a code of six digits: service, module, sequence', () => {
    expect(String(row.code)).toMatch(/^1[01]0[0-9]\d{2}$/);
    expect(name).toMatch(/^Err[A-Z][A-Za-z]+$/);
  });

  it('has messages in English and Chinese, without a stop, for a rule may follow', () => {
    expect(row.message.en).toMatch(/^[A-Z][^.]*$/);
    expect(row.message.zh).toMatch(/[\u4e00-\u9fff]/);
    expect(row.message.zh).not.toMatch(/[。.]$/);
  });

  it('stands for a status of failure, which is sent only where the contract says so', () => {
    expect(row.status).toBeGreaterThanOrEqual(400);
    expect(row.status).toBeLessThan(600);
    const sentByContract = [404, 405, 429, 500, 503];
    if (row.sent) expect(sentByContract).toContain(row.status);
    else expect([429, 500, 503]).not.toContain(row.status);
  });
});

it('gives each row a code of its own', () => {
  const codes = rows.map(([, row]) => row.code);
  expect(new Set(codes).size).toBe(codes.length);
});

/** Section 4 of the contract. */
it.each([
  ['ErrUnknown', 100002, 500],
  ['ErrBind', 100003, 400],
  ['ErrValidation', 100004, 400],
  ['ErrTokenInvalid', 100005, 401],
  ['ErrObjectStore', 100006, 503],
  ['ErrObjectStoreUpload', 100007, 503],
  ['ErrDatabase', 100101, 503],
  ['ErrCache', 100102, 503],
  ['ErrExpired', 100203, 401],
  ['ErrPasswordIncorrect', 100207, 401],
  ['ErrPermissionDenied', 100208, 403],
  ['ErrUserNotFound', 110001, 404],
  ['ErrUserAlreadyExist', 110002, 400],
  ['ErrReachMaxCount', 110101, 400],
  ['ErrSecretEmpty', 110103, 400],
] as const)('keeps the code that everyone agrees on: %s', (name, code, status) => {
  expect(errors[name]).toMatchObject({ code, status });
});

it('is documented as it is, row for row', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const documented = page.split('\n').flatMap((line) => {
    const cells = line.split('|').map((cell) => cell.trim());
    return /^\d+$/.test(cells[1] ?? '') ? [cells.slice(1, -1)] : [];
  });
  expect(documented).toEqual(
    rows.map(([name, row]) => [
      String(row.code),
      name,
      String(row.status),
      row.sent ? String(row.status) : '200',
      row.message.en,
      row.message.zh,
    ]),
  );
});

describe('an error of the domain', () => {
  it('is a row, with what this case adds to it', () => {
    const cause = new Error('underneath');
    const detail = { en: 'title is too long', zh: '标题过长' };
    const error = new DomainError('ErrValidation', { detail, retryAfterSeconds: 3, cause });
    expect(error).toMatchObject({ name: 'DomainError', row: 'ErrValidation', detail, retryAfterSeconds: 3, cause });
    expect(error.message).toBe('Validation failed: title is too long');
    const plain = new DomainError('ErrUserNotFound');
    expect(plain.message).toBe('User not found');
    expect('cause' in plain).toBe(false);
  });
});
