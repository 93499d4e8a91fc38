import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { run } from '../support/command.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/clients/docker-registry.ts';
import { copyAndCheck } from '../support/clients/image-layout.ts';

/** Real clients pull and run images of Debian's packages. */

let service: DockerRegistry;
let registry: DockerRegistry['registry'];
let engine: DockerRegistry['engine'];
before(async () => {
  ({ registry, engine } = service = await startDockerRegistry());
});
after(() => service[Symbol.asyncDispose]());

/** Pulls an image with docker and runs it; its output alone is given, not what docker says of the pull. */
async function runWithDocker(image: string, options: readonly string[], command: readonly string[]): Promise<string> {
  await engine.docker('pull', '--quiet', `${registry.host}/${image}`);
  return engine.docker('run', '--rm', '--network=none', ...options, `${registry.host}/${image}`, ...command);
}

const docker = (image: string, ...command: string[]) => runWithDocker(image, [], command);

/** Runs a shell script in an image. */
const shell = (image: string, script: string, ...options: string[]) =>
  runWithDocker(image, options, ['bash', '-ec', script]);

const podman = (image: string, ...command: string[]) =>
  run('podman', [
    ...['--runtime', 'runc', 'run', '--rm', '--tls-verify=false', '--network=none'],
    ...['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000', `${registry.host}/${image}`, ...command],
  ]);

describe('docker', () => {
  it('runs hello, whose program is what it runs by itself', async () => {
    assert.match(await docker('hello'), /Hello, world!/);
  });

  it('runs a shell when there is one, and git in it', async () => {
    assert.match(await docker('shell/git', 'git', '--version'), /git version \d/);
    assert.match(await shell('shell/git', 'cd /tmp && git init -q repo && git -C repo status'), /No commits yet/);
  });
});

describe('podman', () => {
  it('runs curl and jq', async () => {
    assert.match(await podman('shell/curl/jq', 'curl', '--version'), /curl \d/);
    assert.match(await podman('shell/curl/jq', 'bash', '-c', `echo '{"a":[1,2]}' | jq -c .a`), /\[1,2\]/);
    await run('podman', ['rmi', '--force', `${registry.host}/shell/curl/jq`]);
  });
});

describe('skopeo', () => {
  it('inspects an image', async () => {
    const inspected = JSON.parse(
      await run('skopeo', ['inspect', '--tls-verify=false', `docker://${registry.host}/shell/python3`]),
    ) as {
      Architecture: string;
      Labels: Record<string, string>;
      RepoTags: string[];
    };
    assert.equal(inspected.Architecture, 'amd64');
    const revision = inspected.Labels['org.opencontainers.image.revision'] ?? '';
    assert.match(revision, /^[0-9a-f]{40}$/);
    assert.ok(inspected.RepoTags.includes(revision) && inspected.RepoTags.at(-1) === 'latest');
  });

  for (const name of ['hello', 'shell/git', 'shell/python3', 'arm64/hello']) {
    it(`copies ${name}, and every digest, size, diffID and file is right`, async () => {
      const image = await copyAndCheck(registry.host, name);
      assert.ok(image.layers <= 100);
      assert.ok(image.storePaths.length > 2 && image.entries > 100);
    });
  }
});

describe('ctr', () => {
  it('pulls an image', async () => {
    const image = `${registry.host}/shell/python3:latest`;
    await engine.ctr('image', 'pull', '--plain-http', image);
    assert.match(await engine.ctr('image', 'ls'), new RegExp(`${image} +application/vnd.oci.image.manifest`));
  });
});

describe('the programs of an image', () => {
  const python = `import ssl, sqlite3, json, ctypes, zlib; print("good", len(ssl.create_default_context().get_ca_certs()) > 100)`;
  const table: readonly (readonly [image: string, script: string, expected: RegExp])[] = [
    ['shell/python3', `python3 -c '${python}'`, /good True/],
    ['shell/gawk', `echo a b | awk '{print $2}'`, /^b$/m],
    ['shell/mawk', `echo a b | awk '{print $2}'`, /^b$/m],
    ['shell/vim', 'vi --version', /VIM - Vi IMproved/],
    ['shell/which', 'which bash', /\/bin\/bash/],
    ['shell/redis-server', 'redis-server --version', /Redis server v=/],
    ['shell/nginx', 'nginx -V', /nginx version/],
    ['shell/postgresql-client', 'psql --version', /psql \(PostgreSQL\)/],
    ['shell/perl', `perl -MPOSIX -MJSON::PP -e 'print "good\\n"'`, /good/],
    [
      'builder',
      `echo 'int main(void){return 42;}' > /tmp/a.c; gcc -o /tmp/a /tmp/a.c; /tmp/a || echo "code $?"`,
      /code 42/,
    ],
    ['shell/nodejs', `node -p '1 + 1'`, /^2$/m],
    ['shell', 'echo x | sponge /tmp/x; nano --version; cat /tmp/x', /GNU nano[^]*x/],
  ];
  for (const [image, script, expected] of table) {
    it(`work: ${image}: ${script.slice(0, 40)}`, async () => {
      assert.match(await shell(image, script), expected);
    });
  }
});

describe('the root of an image', () => {
  it('has what every program expects', async () => {
    const script = `
      stat -c '%a %n' /tmp /var/tmp
      whoami
      head -c 27 /etc/ssl/certs/ca-certificates.crt; echo
      head -c 27 /etc/ssl/certs/ca-bundle.crt; echo
      /usr/bin/env bash -c 'echo env bash'
      /bin/sh -c 'echo sh'
      ls -d /usr/share/git-core/templates /usr/lib/git-core/git /usr/bin/git /sbin /usr/sbin /root /home /var/log
      grep -c . /etc/services`;
    const printed = await shell('shell/git', script);
    assert.match(
      printed,
      /^1777 \/tmp\n1777 \/var\/tmp\nroot\n-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nenv bash\nsh\n/,
    );
  });

  it('lets a second user write to /tmp and run programs', async () => {
    assert.match(
      await shell('shell/git', 'touch /tmp/mine && id -u && git --version', '--user', '1000'),
      /1000\ngit version/,
    );
  });

  it('holds nothing that nobody owns', async () => {
    assert.equal((await shell('shell/findutils', 'find / -xdev \\( -nouser -o -nogroup \\) -print')).trim(), '');
  });

  it('holds the empty directories of packages', async () => {
    assert.match(await shell('shell/nginx', 'test -d /var/lib/nginx && echo there'), /there/);
  });
});
