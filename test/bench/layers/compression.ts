import { join } from 'node:path';
import type { Compressor } from '../../../functions/layer/compressor.ts';
import { igzipCompressor } from '../../../functions/layer/compressors/igzip.ts';
import { memberTar } from '../../../functions/layer/threads/member-tar.ts';
import { localSource, openSource } from '../../../functions/layer/source/source.ts';
import { zlibCompressor } from '../../../functions/layer/compressors/zlib.ts';
import { zstdCompressor } from '../../../functions/layer/compressors/zstd.ts';
import { seconds } from '../figure.ts';
import { manifestOf, recordIn, startOver } from '../registry.ts';

/** What a compressor makes of all store paths of an image, one after the other. */
export interface CompressionFigure {
  readonly compressor: string;
  readonly level: number;
  readonly uncompressedBytes: number;
  readonly bytes: number;
  /** With reading the paths, which the system has in memory. */
  readonly compressSeconds: number;
  readonly inflateSeconds: number;
}

const IMAGE = 'shell/git/curl/python3';

const ZSTD_LEVELS = [1, 2, 3, 6, 9, 12];

/** @param runs of which the fastest counts */
export async function measureCompression(runs: number, folder: string): Promise<readonly CompressionFigure[]> {
  const store = join(folder, 'compression');
  {
    await using registry = await startOver(store);
    await manifestOf(registry, IMAGE);
  }
  const paths = (await recordIn(store)).contents.map(({ path }) => path);
  const figures: CompressionFigure[] = [];
  for (const compressor of [igzipCompressor(), zlibCompressor(), ...ZSTD_LEVELS.map(zstdCompressor)]) {
    let best: CompressionFigure | undefined;
    for (let round = 0; round < runs; round++) {
      const figure = await measureOnce(compressor, paths);
      best = {
        ...figure,
        compressSeconds: Math.min(figure.compressSeconds, best?.compressSeconds ?? Infinity),
        inflateSeconds: Math.min(figure.inflateSeconds, best?.inflateSeconds ?? Infinity),
      };
    }
    if (best !== undefined) figures.push(best);
  }
  return figures;
}

async function measureOnce(compressor: Compressor, paths: readonly string[]): Promise<CompressionFigure> {
  let uncompressedBytes = 0;
  const members: Buffer[] = [];
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
    for await (const chunk of chunks) {
      uncompressedBytes += chunk.length;
      yield chunk;
    }
  }
  const compressSeconds = await seconds(async () => {
    for (const path of paths) {
      const reader = await openSource(localSource(path));
      const parts: Buffer[] = [];
      const tar = memberTar(path.slice(1), reader);
      for await (const part of compressor.compress(counted(tar))) parts.push(Buffer.from(part));
      await reader.close();
      members.push(Buffer.concat(parts));
    }
  });
  let inflatedBytes = 0;
  const inflateSeconds = await seconds(async () => {
    for (const member of members) for await (const part of compressor.inflate([member])) inflatedBytes += part.length;
  });
  if (inflatedBytes !== uncompressedBytes) throw new Error(`${compressor.name} loses bytes`);
  const bytes = members.reduce((sum, { length }) => sum + length, 0);
  const { name, level } = compressor;
  return { compressor: name, level, uncompressedBytes, bytes, compressSeconds, inflateSeconds };
}
