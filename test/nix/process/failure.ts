import assert from 'node:assert/strict';
import { ProcessError } from '../../../functions/nix/process-error.ts';

/** The environment of programs that tests start: where to find them, and nothing else. */
export const env = { PATH: process.env['PATH'] ?? '' };

/** How a program failed, which it has to. */
export async function failureOf(promise: Promise<unknown>): Promise<ProcessError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ProcessError, String(error));
    return error;
  }
  assert.fail('it did not fail');
}
