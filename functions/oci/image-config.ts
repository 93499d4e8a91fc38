import type { Digest } from './digest.ts';
import type { Architecture } from './platform.ts';

/** What an image is dated by that has no date: a fixed time, so that equal contents have equal bytes. */
const UNDATED = '1970-01-01T00:00:01Z';

/** The end of the year 9999: dates of four digits are all that RFC 3339, and so the image-spec, knows. */
const LAST_S = 253_402_300_799;

/** A date as images have it (RFC 3339, section 5.6). @param timeS in seconds since 1970; undefined for none, or none that can be said */
function dateText(timeS: number | undefined): string | undefined {
  const canBeSaid = timeS !== undefined && Number.isInteger(timeS) && timeS >= 0 && timeS <= LAST_S;
  return canBeSaid ? new Date(timeS * 1000).toISOString().replace('.000Z', 'Z') : undefined;
}

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
  /** When what is in it was made, in seconds since 1970; absent when that has no date. Never the time of the build. */
  readonly madeAtS?: number | undefined;
}

/** The config blob's bytes, the same for equal contents: keys stand in one order. */
export function serialiseImageConfig(config: ImageConfig): Buffer {
  const date = dateText(config.madeAtS);
  const created = date ?? UNDATED;
  const dated = { ...config.labels, ...(date !== undefined && { 'org.opencontainers.image.created': date }) };
  const labels = Object.fromEntries(Object.entries(dated).sort(([a], [b]) => (a < b ? -1 : 1)));
  return Buffer.from(
    JSON.stringify({
      created,
      architecture: config.architecture,
      os: 'linux',
      config: { Env: config.env, ...(config.cmd && { Cmd: config.cmd }), WorkingDir: '/', Labels: labels },
      rootfs: { type: 'layers', diff_ids: config.diffIds },
      history: config.diffIds.map(() => ({ created, created_by: 'nixery-run' })),
    }),
  );
}
