import type { Compressor } from './compressor.ts';
import type { Inflation } from './thread-work.ts';
import { layerHash } from './frame/frame.ts';

/** Inflates the members of a layer in the thread that calls it. @throws CompressorError */
export function inflateMembers(compressor: Pick<Compressor, 'inflate'>): Inflation {
  const hash = layerHash();
  let open: { readonly bytes: HandOver; readonly inflated: Promise<void> } | undefined;

  function openMember() {
    const bytes = handOver();
    async function inflate(): Promise<void> {
      for await (const chunk of compressor.inflate(bytes)) hash.update(chunk);
    }
    const inflated = inflate();
    // Its failure is met where it is waited for.
    inflated.catch(() => undefined);
    return { bytes, inflated };
  }
  async function endMember(): Promise<void> {
    open?.bytes.end();
    await open?.inflated;
    open = undefined;
  }

  return {
    async write(bytes) {
      open ??= openMember();
      await Promise.race([open.bytes.put(bytes), open.inflated]);
    },
    endMember,
    end() {
      if (open) return Promise.reject(new Error('a member is open'));
      return Promise.resolve(hash.totals());
    },
    async close() {
      // What it is cut off from nobody wants.
      await endMember().catch(() => undefined);
    },
  };
}

/** From who has bytes to who waits for them, one piece at a time. */
interface HandOver extends AsyncIterable<Uint8Array> {
  /** Resolves when the bytes are used up. */
  put(bytes: Uint8Array): Promise<void>;
  end(): void;
}

function handOver(): HandOver {
  let given = Promise.withResolvers<Uint8Array | undefined>();
  let used = Promise.withResolvers<undefined>();
  return {
    put(bytes) {
      used = Promise.withResolvers();
      given.resolve(bytes);
      return used.promise;
    },
    end() {
      given.resolve(undefined);
    },
    async *[Symbol.asyncIterator]() {
      for (let bytes = await given.promise; bytes !== undefined; bytes = await given.promise) {
        given = Promise.withResolvers();
        yield bytes;
        used.resolve(undefined);
      }
    },
  };
}
