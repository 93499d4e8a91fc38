import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Digest, digestOfBytes } from '../../functions/oci/digest.ts';
import { parseImageList } from '../../infra/image-list.ts';
import { startStaticRegistry } from '../bench/static-registry.ts';
import { run } from '../support/command.ts';
import { imageProject } from '../support/image-project.ts';
import { scratchFolders } from '../support/scratch-folders.ts';

const newFolder = scratchFolders();

const CONFIG = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } });
const described = (mediaType: string, body: string) => ({
  ...{ mediaType, digest: digestOfBytes(body), size: Buffer.byteLength(body) },
});

/** Pushes an image without layers, as a manifest and as an index with it alone. */
async function push(repository: string, tag: string, note: string, isIndex: boolean): Promise<Digest> {
  const upload = await fetch(`${repository}/blobs/uploads/`, { method: 'POST' });
  const place = new URL(upload.headers.get('Location') ?? '', repository);
  place.searchParams.set('digest', digestOfBytes(CONFIG));
  assert.equal((await fetch(place, { method: 'PUT', body: CONFIG })).status, 201);
  const put = async (reference: string, mediaType: string, body: string) => {
    const headers = { 'Content-Type': mediaType };
    const { status } = await fetch(`${repository}/manifests/${reference}`, { method: 'PUT', headers, body });
    assert.equal(status, 201);
    return digestOfBytes(body);
  };
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const config = described('application/vnd.oci.image.config.v1+json', CONFIG);
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: type, config, layers: [], annotations: { note } });
  if (!isIndex) return put(tag, type, manifest);
  await put(digestOfBytes(manifest), type, manifest);
  const indexType = 'application/vnd.oci.image.index.v1+json';
  const platform = { architecture: 'amd64', os: 'linux' };
  const index = { schemaVersion: 2, mediaType: indexType, manifests: [{ ...described(type, manifest), platform }] };
  return put(tag, indexType, JSON.stringify(index));
}

describe('npm run images', () => {
  it("takes the digests of Debian's registry, which skopeo sees as well, and follows a tag that moves", async (context) => {
    const folder = await newFolder();
    const registry = await startStaticRegistry(folder);
    context.after(() => registry[Symbol.asyncDispose]());
    const { host } = registry;
    await mkdir(join(folder, 'project'));
    const project = await imageProject(join(folder, 'project'), host);
    const skopeo = async (reference: string) =>
      digestOfBytes(await run('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${host}/${reference}`]));

    const base = await push(`http://${host}/v2/base`, 'stable', 'first', true);
    const tool = await push(`http://${host}/v2/team/tool`, '24', 'first', false);
    const first = await project.images();
    assert.equal(first.exitCode, 0, first.output);
    const digests = async () => parseImageList(await project.read('infra/images.json')).map(({ digest }) => digest);
    assert.deepEqual(await digests(), [base, tool]);
    assert.deepEqual([await skopeo('base:stable'), await skopeo('team/tool:24')], [base, tool]);
    assert.equal((await project.images('--check')).exitCode, 0);

    const moved = await push(`http://${host}/v2/base`, 'stable', 'second', true);
    // What the files name is still what it was, until somebody renews it.
    const [, named = ''] = /^ARG BASE=[^/]+\/(.*)$/m.exec(await project.read('nix/Dockerfile')) ?? [];
    assert.equal(await skopeo(named), base);
    assert.equal((await project.images()).exitCode, 0);
    assert.deepEqual(await digests(), [moved, tool]);
    assert.notEqual(moved, base);
  });
});
