import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from '../support/command.ts';
import { type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { pull } from '../support/http/request.ts';

/** A binary cache with a password, made on another machine. What lies in it can be built nowhere else. */

const PASSWORD = 'of-the-cache';
const HUGE_MIB = 150;
const PLAIN = ['build-users-group =', 'sandbox = false', 'substituters ='].join('\n');

let scratch: string;
let packages: string;
let publicKey: string;
let server: Server;
let url: string;
const asked: string[] = [];

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-cache-'));
  packages = join(scratch, 'packages');
  const here = (name: string) => join(scratch, name);
  await mkdir(packages);
  // The mark is removed when the cache is made, and then nobody can build these.
  await writeFile(
    join(packages, 'default.nix'),
    `{ system ? builtins.currentSystem, ... }:
    let
      package = name: mib: derivation {
        inherit name system;
        builder = "/bin/sh";
        args = [ "-ec" "test -e ${here('mark')}; mkdir -p $out/bin; head -c \${toString mib}M /dev/zero > $out/bin/\${name}" ];
        PATH = "/usr/bin:/bin";
      };
    in
    { small = package "small" 1; huge = package "huge" ${HUGE_MIB}; }`,
  );
  await writeFile(here('mark'), '');
  await mkdir(here('other-nix'));
  const script = `
    mount --bind ${here('other-nix')} /nix
    nix-store --generate-binary-cache-key test-1 ${here('secret')} ${here('public')}
    paths=$(nix-build --no-out-link ${packages} -A small -A huge)
    nix --extra-experimental-features nix-command copy --to 'file://${here('cache')}?compression=gzip&secret-key=${here('secret')}' $paths`;
  await run('unshare', ['--mount', 'sh', '-ec', script], { NIX_CONFIG: PLAIN });
  await rm(here('mark'));
  publicKey = (await readFile(here('public'), 'utf8')).trim();

  const credentials = `Basic ${Buffer.from(`team:${PASSWORD}`).toString('base64')}`;
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://cache').pathname;
    const file = join(scratch, 'cache', path);
    if (request.headers.authorization !== credentials) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="cache"' }).end();
    } else if (!existsSync(file)) {
      response.writeHead(404).end();
    } else {
      asked.push(path);
      createReadStream(file).pipe(response.writeHead(200));
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await writeFile(here('netrc'), `machine 127.0.0.1 login team password ${PASSWORD}\n`, { mode: 0o600 });
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await run('chmod', ['-R', 'u+w', scratch]);
  await rm(scratch, { recursive: true });
});

let counter = 0;
/** A registry on a machine of its own, with an empty Nix store. */
async function registryWith(env: Record<string, string>): Promise<RegistryProcess> {
  const folder = join(scratch, `machine-${counter++}`);
  const nixFolder = env['NIXERY_STORE_LIMIT_MB'] === undefined ? join(folder, 'nix') : join(scratch, 'volume');
  await mkdir(nixFolder, { recursive: true });
  asked.length = 0;
  return startRegistry(
    { NIX_CONFIG: PLAIN, HOME: folder, NIXERY_PKGS_PATH: packages, STORAGE_PATH: join(folder, 'store'), ...env },
    { nixFolder },
  );
}

const cache = () => ({
  NIXERY_SUBSTITUTERS: url,
  NIXERY_TRUSTED_KEYS: publicKey,
  NIXERY_NETRC: join(scratch, 'netrc'),
});

describe('a binary cache', () => {
  it('gives what was built elsewhere, with its password and its key', async () => {
    await using registry = await registryWith(cache());
    const { status, body } = await pull(registry.origin, '/v2/small/manifests/latest');
    assert.equal(status, 200, body.toString());
    assert.ok(asked.some((path) => path.startsWith('/nar/')));
    assert.ok(!JSON.stringify(registry.log).includes(PASSWORD));
  });

  it('gives nothing without the one or with another of the other', async () => {
    const withoutPassword = { ...cache(), NIXERY_NETRC: '' };
    const otherKey = { ...cache(), NIXERY_TRUSTED_KEYS: `test-1:${Buffer.alloc(32).toString('base64')}` };
    for (const env of [withoutPassword, otherKey]) {
      await using registry = await registryWith(env);
      const { status, body } = await pull(registry.origin, '/v2/small/manifests/latest');
      assert.equal(status, 422, body.toString());
      assert.ok(!asked.some((path) => path.startsWith('/nar/')));
    }
  });

  it('is not asked for what cannot fit into the store: its length is known beforehand', async () => {
    const volume = join(scratch, 'volume');
    await mkdir(volume, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', 'size=100m', 'tmpfs', volume]);
    try {
      await using registry = await registryWith({ ...cache(), NIXERY_STORE_LIMIT_MB: '64' });
      const { status, body } = await pull(registry.origin, '/v2/huge/manifests/latest');
      assert.equal(status, 422, body.toString());
      assert.match(body.toString(), /the image needs 15\d MiB in the Nix store, of whose 100 MiB \d+ MiB are free/);
      assert.ok(!asked.some((path) => path.startsWith('/nar/')));
      assert.equal((await pull(registry.origin, '/v2/small/manifests/latest')).status, 200);
    } finally {
      await run('umount', ['--lazy', volume]);
    }
  });
});
