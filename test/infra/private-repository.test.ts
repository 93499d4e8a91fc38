import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { execa } from 'execa';
import { gitSource } from '../../functions/nix/git/git.ts';
import { LATEST, SourceError } from '../../functions/nix/source.ts';
import { projectFolder } from '../support/service/registry-process.ts';

const TOKEN = 'a-deploy-token';

/** The git configuration that docs/deploy.md says to put into Secret Manager, for another host and token. */
async function documentedConfig(origin: string): Promise<string> {
  const text = await readFile(join(projectFolder, 'docs/deploy.md'), 'utf8');
  const [, config = ''] = /cat >git-config <<EOF\n([^]*?)\nEOF\n/.exec(text) ?? [];
  assert.match(config, /https:\/\/git\.example\.com\//);
  const { stdout } = await execa('bash', ['-c', `TOKEN=${TOKEN}\ncat <<EOF\n${config}\nEOF`]);
  return stdout.replaceAll('https://git.example.com/', `${origin}/`);
}

/** A repository over HTTP, for who brings the token, and its commit. */
async function privateRepository(context: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'private-'));
  const git = async (...args: readonly string[]) =>
    (await execa('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args])).stdout;
  await git('init', '--quiet');
  await git('commit', '--quiet', '--allow-empty', '-m', 'first');
  await git('update-server-info');
  const server = createServer((request, response) => {
    const [, encoded = ''] = (request.headers.authorization ?? '').split(' ');
    if (!Buffer.from(encoded, 'base64').toString().endsWith(`:${TOKEN}`)) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const { pathname } = new URL(request.url ?? '/', 'http://git');
    readFile(join(folder, '.git', pathname)).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { folder, origin, commit: await git('rev-parse', 'HEAD') };
}

describe('a private repository', () => {
  it('is reached with the git configuration that is documented, where Terraform mounts it', async (context) => {
    const { folder, origin, commit } = await privateRepository(context);
    const mounted = join(folder, 'secrets', 'git-config');
    await mkdir(join(mounted, 'git'), { recursive: true });
    await writeFile(join(mounted, 'git', 'config'), await documentedConfig(origin));
    const environment = { PATH: process.env['PATH'] ?? '', HOME: folder };
    const cacheFolder = join(folder, 'cache');

    const source = gitSource(`${origin}/`, { environment: { ...environment, XDG_CONFIG_HOME: mounted }, cacheFolder });
    assert.deepEqual(await source.pin(LATEST), { kind: 'pinned', revision: commit });

    const stranger = gitSource(`${origin}/`, { environment, cacheFolder });
    await assert.rejects(stranger.pin(LATEST), SourceError);
  });
});
