/** What a pull costs a client, in seconds; measured by `npm run bench:layers -- --measure`. */
export interface ClientModel {
  /** Beside the layers: asking for the manifest and the config, registering the image. */
  readonly base: number;
  /** For each layer that is new to the client. */
  readonly perLayer: number;
  /** For each file, directory and link that is made. */
  readonly perEntry: number;
  /** For each byte that is unpacked and written. */
  readonly perUnpackedByte: number;
}

export interface ModelledLayer {
  readonly bytes: number;
  readonly unpackedBytes: number;
  /** Files, directories and links. */
  readonly entries: number;
}

/**
 * How long a pull takes: a layer is unpacked when it is there and the one below it is unpacked, while the next ones are
 * downloaded.
 *
 * @param layers the new ones, from the bottom to the top
 * @param bytesPerSecond of the line
 */
export function secondsOf(model: ClientModel, layers: readonly ModelledLayer[], bytesPerSecond: number): number {
  let downloaded = 0;
  let unpacked = 0;
  for (const layer of layers) {
    downloaded += layer.bytes / bytesPerSecond;
    unpacked = Math.max(unpacked, downloaded) + model.perLayer;
    unpacked += layer.entries * model.perEntry + layer.unpackedBytes * model.perUnpackedByte;
  }
  return model.base + unpacked;
}
