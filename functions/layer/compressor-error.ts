/** The compressor that was asked for cannot be started. The message has the command that installs it. */
export class CompressorMissingError extends Error {
  readonly code = 'COMPRESSOR_MISSING';
  override readonly name = 'CompressorMissingError';
  readonly command: string;

  constructor(command: string, install: string, cause?: unknown) {
    super(`${command} cannot be started. Install it: ${install}`, { cause });
    this.command = command;
  }
}

/** A compressor that was running failed. */
export class CompressorError extends Error {
  readonly code = 'COMPRESSOR';
  override readonly name = 'CompressorError';
  readonly command: string;
  /** The end of what it wrote to stderr. */
  readonly stderr: string;

  constructor(command: string, outcome: string, stderr: string) {
    super(`${command} ${outcome}${stderr === '' ? '' : `: ${stderr.trim()}`}`);
    this.command = command;
    this.stderr = stderr;
  }
}
