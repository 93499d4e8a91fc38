import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../command.ts';
import { projectFolder } from '../service/registry-process.ts';

/** What `check-image.py` says of an image in which it found nothing wrong. */
export interface CheckedImage {
  readonly digest: string;
  readonly layers: number;
  readonly entries: number;
  /** Names in /nix/store. */
  readonly storePaths: readonly string[];
  /** Bytes of all layers, packed. */
  readonly size: number;
}

/** Copies an image with skopeo and recomputes all that can be computed of it. */
export async function copyAndCheck(host: string, name: string): Promise<CheckedImage> {
  const folder = await mkdtemp(join(tmpdir(), 'nixery-layout-'));
  try {
    await run('skopeo', ['copy', '--src-tls-verify=false', `docker://${host}/${name}`, `oci:${folder}:image`]);
    const index = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
    const checked = await run('python3', [`${projectFolder}test/support/clients/check-image.py`, folder]);
    return { ...(JSON.parse(checked) as Omit<CheckedImage, 'digest'>), digest: index.manifests[0]?.digest ?? '' };
  } finally {
    await rm(folder, { recursive: true });
  }
}
