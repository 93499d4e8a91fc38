import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { imageObject, imageRecord } from '../../../functions/builder/image.ts';
import { packageObject, packageRecord } from '../../../functions/builder/package-record.ts';
import { publishBlob } from '../../../functions/storage/publish-blob.ts';
import { parseStorePath, type StorePath } from '../../../functions/nix/store-path.ts';
import { MediaType } from '../../../functions/oci/media-type.ts';
import { type Digest, digestOfBytes, hexOf } from '../../../functions/oci/digest.ts';
import { serialiseImageConfig } from '../../../functions/oci/image-config.ts';
import { serialiseManifest } from '../../../functions/oci/manifest.ts';
import type { BlobStore } from '../../../functions/storage/blob-store.ts';
import { type ObjectKey, objectKey } from '../../../functions/storage/object-key.ts';
import { recordBytes } from '../../../functions/storage/record-proof.ts';

/** An image in a store, and all that it needs there. */
export interface StoredSample {
  readonly digest: Digest;
  readonly config: Digest;
  /** By the names of the paths. */
  readonly packed: Readonly<Record<string, Digest>>;
  readonly joined: Digest;
  readonly root: Digest;
  readonly records: readonly ObjectKey[];
}

const hex = (text: string) => createHash('sha256').update(text).digest('hex');

function samplePath(name: string): StorePath {
  const path = parseStorePath(`/nix/store/${hex(name).replaceAll('e', 'x').slice(0, 32)}-${name}`);
  if (path === undefined) throw new RangeError(name);
  return path;
}

/**
 * Stores an image of made-up bytes as the builder would. The first package's path has a layer of its own, all paths but
 * that are joined, and each package is one path. Equal names are equal paths.
 *
 * @param options `together`: the paths behind the joined layer are nowhere but in that; `copied`: the layer of another image
 *   that a path was copied from, by its name; `unproved`: as versions before records had proofs
 */
export async function storeImage(
  store: BlobStore,
  attributes: readonly string[],
  {
    revision = 'a'.repeat(40),
    together = false,
    copied = {},
    unproved = false,
  }: {
    revision?: string;
    together?: boolean;
    copied?: Readonly<Record<string, Digest>>;
    unproved?: boolean;
  } = {},
): Promise<StoredSample> {
  const create = async (key: ObjectKey, value: object): Promise<ObjectKey> => {
    await store.createRecord(key, unproved ? Buffer.from(JSON.stringify(value)) : recordBytes(key, value));
    return key;
  };
  const blob = async (tar: string) => {
    const { digest, sizeBytes } = await publishBlob(store, Readable.from([gzipSync(tar)]));
    const layer = { digest, sizeBytes, diffId: digestOfBytes(tar), uncompressedBytes: tar.length };
    return { ...layer, descriptor: { mediaType: MediaType.layerGzip, digest, size: sizeBytes } };
  };
  const record = ({ digest, sizeBytes, diffId, uncompressedBytes }: Awaited<ReturnType<typeof blob>>) => ({
    format: 1,
    ...{ digest, sizeBytes, diffId, uncompressedBytes },
  });

  const packed = await Promise.all(
    attributes.map(async (name, index) => {
      const isAlone = !(together && index > 0) && !(name in copied);
      return { name, layer: isAlone ? await blob(`packed ${name}`) : undefined };
    }),
  );
  const [own, ...behind] = packed;
  if (own?.layer === undefined) throw new RangeError('an image needs a package of its own');
  const joined = await blob(`joined ${behind.map(({ name }) => name).join(' ')}`);
  const root = await blob(`root ${attributes.join(' ')}`);
  const layers = [own.layer, joined, root];
  const config = await publishBlob(
    store,
    Readable.from([
      serialiseImageConfig({
        architecture: 'amd64',
        diffIds: layers.map(({ diffId }) => diffId),
        env: [],
        labels: { revision },
      }),
    ]),
  );
  const manifest = serialiseManifest({
    config: { mediaType: MediaType.config, digest: config.digest, size: config.sizeBytes },
    layers: layers.map(({ descriptor }) => descriptor),
  });
  await publishBlob(store, Readable.from([manifest.bytes]));

  const records: ObjectKey[] = [];
  for (const { name, layer } of packed) {
    const path = samplePath(name);
    const member = { memberOffset: 0, memberBytes: (layer ?? joined).sizeBytes };
    const part = { format: 1, digest: joined.digest, sizeBytes: joined.sizeBytes, memberTarBytes: 512 };
    if (!(name in copied)) {
      records.push(await create(objectKey('contents', hex(path)), { ...(layer ? record(layer) : part), ...member }));
    }
    const attribute = packageRecord({
      attribute: name,
      attributePath: name,
      name,
      packageVersion: null,
      mainProgram: null,
      priority: null,
      outputs: [path],
      propagated: [],
      trees: { [path]: { entries: [] } },
      closure: [{ path, narHash: 'sha256-x', narSizeBytes: 1, references: [] }],
    });
    records.push(await create(packageObject(hex(`${name} ${revision}`)), attribute));
  }
  records.push(await create(objectKey('joins', hex(joined.digest)), record(joined)));
  const image = imageRecord({
    key: hex(`${attributes.join('/')} ${revision}`),
    revision,
    digest: manifest.digest,
    manifest: manifest.bytes.toString(),
    blobs: [config.digest, ...layers.map(({ digest }) => digest)],
    attributes: [...attributes],
    system: 'x86_64-linux',
    packages: attributes.map((name) => hex(`${name} ${revision}`)),
    contents: packed.map(({ name, layer }) => {
      const path = samplePath(name);
      return { path, name: hex(path), digest: copied[name] ?? (layer ?? joined).digest };
    }),
    joins: [hex(joined.digest)],
  });
  for (const name of [hexOf(manifest.digest), image.key]) records.push(await create(imageObject(name), image));
  return {
    digest: manifest.digest,
    config: config.digest,
    packed: Object.fromEntries(packed.map(({ name, layer }) => [name, (layer ?? joined).digest])),
    joined: joined.digest,
    root: root.digest,
    records,
  };
}
