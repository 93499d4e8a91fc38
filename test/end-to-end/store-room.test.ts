import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../support/command.ts';
import { type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { pull, requestHeld } from '../support/http/request.ts';

/** Registries whose Nix store is a small file system in memory, as in the container. */

const VOLUME_MIB = 112;
const LIMIT_MIB = 64;

let scratch: string;
let packages: string;
/** Files by which the slow build says that it is under way, and is told that it has taken long enough. */
let under: string;
let enough: string;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-room-'));
  packages = join(scratch, 'packages');
  [under, enough] = [join(scratch, 'under'), join(scratch, 'enough')];
  await mkdir(packages);
  await writeFile(
    join(packages, 'default.nix'),
    `{ system, ... }:
    let
      package = name: mib: last: {
        inherit name;
        value = derivation {
          inherit name system;
          builder = "/bin/sh";
          args = [ "-ec" "mkdir -p $out/bin; head -c \${toString mib}M /dev/zero > $out/bin/\${name}; \${last}" ];
          PATH = "/usr/bin:/bin";
        };
      };
    in
    builtins.listToAttrs [
      (package "one" 30 "") (package "two" 31 "") (package "three" 32 "")
      (package "huge" 300 "") (package "other" 70 "")
      (package "slow" 40 "touch ${under}; until test -e ${enough}; do sleep 0.1; done")
    ]`,
  );
});
after(() => rm(scratch, { recursive: true, force: true }));

let counter = 0;
async function withSmallStore(work: (registry: RegistryProcess, volume: string) => Promise<void>): Promise<void> {
  const folder = join(scratch, String(counter++));
  const volume = join(folder, 'nix');
  await mkdir(volume, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${VOLUME_MIB}m`, 'tmpfs', volume]);
  try {
    await using registry = await startRegistry(
      {
        NIXERY_PKGS_PATH: packages,
        STORAGE_PATH: join(folder, 'store'),
        NIXERY_STORE_LIMIT_MB: String(LIMIT_MIB),
        NIXERY_MAX_BUILDS: '4',
      },
      { nixFolder: volume },
    );
    await work(registry, volume);
  } finally {
    await run('umount', ['--lazy', volume]);
  }
}

const ask = ({ origin }: RegistryProcess, name: string) => requestHeld(origin, 'GET', `/v2/${name}/manifests/latest`);
const messageOf = (body: Buffer) =>
  (JSON.parse(body.toString()) as { errors: [{ message: string }] }).errors[0].message;
const collections = ({ log }: RegistryProcess) => log.filter(({ message }) => message === 'store collected');

async function usedMib(volume: string): Promise<number> {
  const { bsize, blocks, bfree } = await statfs(volume);
  return (bsize * (blocks - bfree)) / 2 ** 20;
}

describe('a registry with a small Nix store', () => {
  it('collects what no build needs once that is above its limit, and can make everything one after the other', async () => {
    await withSmallStore(async (registry, volume) => {
      for (const name of ['one', 'two', 'three', 'one/two']) {
        const { status, body } = await ask(registry, name);
        assert.equal(status, 200, body.toString());
        for (let looks = 0; (await usedMib(volume)) > LIMIT_MIB; looks++) {
          assert.ok(looks < 100, `${await usedMib(volume)} MiB are used after ${name}`);
          await sleep(100);
        }
      }
      assert.ok(collections(registry).length > 0);
      for (const entry of collections(registry)) assert.ok(Number(entry['freedBytes']) > 0, JSON.stringify(entry));
    });
  });

  it('refuses what can never fit, with the figures, and goes on', async () => {
    await withSmallStore(async (registry) => {
      const { status, body } = await pull(registry.origin, '/v2/huge/manifests/latest');
      assert.equal(status, 422, body.toString());
      const [, freeMib] =
        /needs more room than there is in the Nix store, of whose 112 MiB (\d+) MiB are free$/.exec(messageOf(body)) ??
        [];
      assert.ok(Number(freeMib) > 50 && Number(freeMib) <= VOLUME_MIB, messageOf(body));
      assert.equal((await ask(registry, 'one')).status, 200);
    });
  });

  it('sends away what does not fit beside other builds, until those have ended', async () => {
    await withSmallStore(async (registry) => {
      const slow = ask(registry, 'slow');
      while (!existsSync(under)) await sleep(20);
      const { status, headers, body } = await ask(registry, 'other');
      assert.equal(status, 429, body.toString());
      assert.match(
        messageOf(body),
        /of whose 112 MiB \d+ MiB are free while others are being made \(1\): try again later$/,
      );
      assert.ok(Number(headers['retry-after']) > 0);
      await writeFile(enough, '');
      assert.equal((await slow).status, 200);
      assert.equal((await ask(registry, 'other')).status, 200);
    });
  });

  it('does not start when nobody can say what the store takes', async () => {
    const env = { NIXERY_PKGS_PATH: packages, STORAGE_PATH: join(scratch, 'store'), NIXERY_STORE_LIMIT_MB: '64' };
    await assert.rejects(startRegistry(env), /cannot start: NIXERY_STORE_LIMIT_MB needs a volume of its own at \/nix/);
  });
});
