import { OperatorError } from '../operator-error.ts';

/** The compressor that was asked for cannot be used on this machine. The message says what to do. */
export class CompressorMissingError extends OperatorError {
  readonly code = 'COMPRESSOR_MISSING';
  override readonly name = 'CompressorMissingError';

  constructor(problem: string, remedy: string, cause?: unknown) {
    super(`${problem}. ${remedy}`, { cause });
  }
}

/** A compressor failed, or was given something that it had not made. */
export class CompressorError extends Error {
  readonly code = 'COMPRESSOR';
  override readonly name = 'CompressorError';

  readonly compressor: string;
  readonly problem: string;

  constructor(compressor: string, problem: string, cause?: unknown) {
    super(`${compressor}: ${problem}`, { cause });
    this.compressor = compressor;
    this.problem = problem;
  }
}
