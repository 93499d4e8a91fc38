import type { Digest } from './digest.ts';
import type { Architecture } from './platform.ts';

/** The time that every image says it was created at: a fixed one, so that equal contents have equal bytes. */
const CREATED = '1970-01-01T00:00:01Z';

/** What decides an image config's bytes (image-spec 1.1, config.md). */
export interface ImageConfig {
  readonly architecture: Architecture;
  /** Digests of the uncompressed layers, from the bottom to the top. */
  readonly diffIds: readonly Digest[];
  /** `NAME=value`, in order. */
  readonly env: readonly string[];
  /** What runs when the client names no command; absent when the image has no obvious one. */
  readonly cmd?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** The config blob's bytes, the same for equal contents: keys stand in one order. */
export function serialiseImageConfig(config: ImageConfig): Buffer {
  const labels = Object.fromEntries(Object.entries(config.labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  return Buffer.from(
    JSON.stringify({
      created: CREATED,
      architecture: config.architecture,
      os: 'linux',
      config: { Env: config.env, ...(config.cmd && { Cmd: config.cmd }), WorkingDir: '/', Labels: labels },
      rootfs: { type: 'layers', diff_ids: config.diffIds },
      history: config.diffIds.map(() => ({ created: CREATED, created_by: 'nixery-run' })),
    }),
  );
}
