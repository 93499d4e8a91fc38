/** A build that prints more is ended. What it prints is read to the end, and its last lines are kept. */
const MAX_LOG_BYTES = 64 * 1024 * 1024;
/** Nix's own copies of logs fill a file system that is memory, and nobody reads them. */
export const LOG_LIMIT = [
  '--option',
  'max-build-log-size',
  String(MAX_LOG_BYTES),
  '--option',
  'keep-build-log',
  'false',
];
