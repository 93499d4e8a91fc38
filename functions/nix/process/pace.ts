import type { Readable } from 'node:stream';

/** How fast something may be read. */
export interface Pace {
  /** This much comes at once, after a time of silence. */
  readonly burstBytes: number;
  readonly bytesPerSecond: number;
}

/**
 * Reads a stream no faster than `pace`, on the average: who writes more waits, and takes the processor from nobody. Pauses
 * are short, so that the end of the stream is never far from when it was written.
 */
export function paced(stream: Readable, { burstBytes, bytesPerSecond }: Pace): void {
  let allowedBytes = burstBytes;
  let lastMs = performance.now();
  stream.on('data', (chunk: Buffer) => {
    const nowMs = performance.now();
    const gained = ((nowMs - lastMs) / 1000) * bytesPerSecond;
    allowedBytes = Math.min(burstBytes, allowedBytes + gained) - chunk.length;
    lastMs = nowMs;
    if (allowedBytes >= 0) return;
    stream.pause();
    setTimeout(() => stream.resume(), (-allowedBytes / bytesPerSecond) * 1000);
  });
}
