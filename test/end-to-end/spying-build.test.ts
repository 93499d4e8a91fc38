import assert from 'node:assert/strict';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { run } from '../support/command.ts';
import { basic, writeCredentials } from '../support/credentials.ts';
import { projectFolder, startRegistry } from '../support/service/registry-process.ts';
import { pull } from '../support/http/request.ts';

/** A builder that looks for what the service has, where Nix runs as another user. */

/** A user that every Debian has, with a group of the same name, and that nothing else here runs as. */
const USER = 'backup';
const skip = process.getuid?.() === 0 ? false : 'only root can run Nix as another user';

/** Notes who it is, and whatever it can read of environments, memory and the files that it is told of. */
const spies = (paths: readonly string[]) => `{ system, ... }: {
  spies = derivation {
    name = "spies";
    system = builtins.currentSystem;
    builder = "/bin/sh";
    PATH = "/usr/bin:/bin";
    args = [ "-c" ''
      mkdir -p $out
      id -u > $out/uid
      grep -E '^(Cap|NoNewPrivs|Groups)' /proc/self/status > $out/status
      env > $out/environment
      for process in /proc/[0-9]*; do
        cat $process/environ; ls -l $process/fd; cat $process/maps
      done > $out/processes 2> /dev/null
      for path in ${paths.join(' ')}; do cat $path && echo "read $path"; echo x > $path.new; ls $path.new; done > $out/files 2> /dev/null
      ls / > $out/done
    '' ];
  };
}`;

describe('a builder that looks for secrets', { skip }, () => {
  it('finds neither the environment of the service, nor its memory, key, credentials and store', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'nixery-spies-'));
    const path = (name: string) => join(scratch, name);
    try {
      // Everybody may look into the folders: what is in them is what is kept.
      await chmod(scratch, 0o755);
      const [uid, gid] = (await run('sh', ['-c', `id -u ${USER}; id -g ${USER}`])).split('\n').map(Number);
      assert.ok(uid !== undefined && gid !== undefined);
      for (const name of ['nix', 'home', 'home/tmp']) {
        await mkdir(path(name));
        await chown(path(name), uid, gid);
      }
      for (const name of ['set', 'store', 'expressions']) await mkdir(path(name));
      await cp(`${projectFolder}nix`, path('expressions'), { recursive: true });
      const token = 'nixery_secret-of-ci';
      await writeCredentials(path('credentials'), { ci: [{ token }] });
      await writeFile(path('key'), 'secret-of-the-key');
      for (const name of ['credentials', 'key']) await chmod(path(name), 0o400);
      await writeFile(path('set/default.nix'), spies([path('credentials'), path('key'), path('store/images')]));

      await using registry = await startRegistry(
        {
          NIXERY_PKGS_PATH: path('set'),
          STORAGE_PATH: path('store'),
          NIX_BUILDER: path('expressions'),
          NIXERY_CREDENTIALS: path('credentials'),
          NIXERY_NIX_USER: USER,
          NIXERY_NIX_HOME: path('home'),
          SECRET: 'secret-of-the-environment',
        },
        { nixFolder: path('nix') },
      );
      const { status, body } = await pull(registry.origin, '/v2/spies/manifests/latest', basic('ci', token));
      assert.equal(status, 200, body.toString());

      const built = (await readdir(path('nix/store'))).find((name) => name.endsWith('-spies'));
      const found = async (name: string) => readFile(path(`nix/store/${built ?? ''}/${name}`), 'latin1');
      // It ran to its end, as the other user, and saw its own processes.
      assert.match(await found('done'), /^proc$/m);
      assert.equal((await found('uid')).trim(), String(uid));
      const processes = await found('processes');
      assert.match(processes, /NIX_STORE=/);
      assert.match(await found('status'), /^CapEff:\s+0{16}$/m);
      assert.match(await found('status'), /^CapBnd:\s+0{16}$/m);
      assert.match(await found('status'), /^NoNewPrivs:\s+1$/m);
      assert.equal(await found('files'), '');
      for (const text of [processes, await found('environment'), await found('files')]) {
        assert.doesNotMatch(text, /secret|NIXERY_|STORAGE_PATH|credentials/);
      }
    } finally {
      await rm(scratch, { recursive: true });
    }
  });
});
