import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { parseImageName, type Systems } from '../../../functions/builder/image-request.ts';
import { parseRepositoryName } from '../../../functions/oci/reference.ts';
import { commandsFor } from '../../../functions/web/composing/commands.ts';

function commands(origin: string, text: string, tag = 'latest', systems?: Systems): Record<string, string> {
  const name = parseRepositoryName(text);
  assert.ok(name !== undefined);
  const parsed = parseImageName(name, systems);
  assert.ok(parsed.kind === 'request');
  const all = commandsFor({ origin, name, tag, request: parsed.request });
  return Object.fromEntries(all.map(({ id, text }) => [id, text]));
}

describe('commands', () => {
  it('open a terminal where there is a shell, and say where TLS is missing', () => {
    const { docker, podman } = commands('http://localhost:8080', 'shell/git');
    assert.equal(docker, 'docker run --rm -it localhost:8080/shell/git:latest');
    assert.equal(podman, 'podman run --rm -it --tls-verify=false localhost:8080/shell/git:latest');
  });

  it('name the platform where it is another', () => {
    const { docker, podman } = commands('https://r.example.com', 'arm64/hello', 'v1');
    assert.equal(docker, 'docker run --rm --platform linux/arm64 r.example.com/arm64/hello:v1');
    assert.equal(podman, 'podman run --rm --platform linux/arm64 r.example.com/arm64/hello:v1');
  });

  it('are there for each platform that a name stands for, and for those of a name that chooses one', () => {
    const both = commands('https://r.example.com', 'hello', 'latest', ['x86_64-linux', 'aarch64-linux']);
    assert.equal(both['docker'], 'docker run --rm r.example.com/hello:latest');
    assert.equal(both['docker-amd64'], 'docker run --rm --platform linux/amd64 r.example.com/hello:latest');
    assert.equal(both['docker-arm64'], 'docker run --rm --platform linux/arm64 r.example.com/hello:latest');
    assert.doesNotMatch(both['kubernetes'] ?? '', /arch/);
    const one = commands('https://r.example.com', 'amd64/hello', 'latest', ['x86_64-linux', 'aarch64-linux']);
    assert.equal(one['docker'], 'docker run --rm --platform linux/amd64 r.example.com/amd64/hello:latest');
    assert.match(one['kubernetes'] ?? '', /kubernetes.io\/arch: amd64/);
    assert.equal(one['docker-amd64'], undefined);
  });

  it('are YAML where they should be', () => {
    const { kubernetes = '', actions = '' } = commands('https://r.example.com', 'arm64/shell/python3.11_x');
    const pod = parse(kubernetes) as { metadata: { name: string }; spec: { containers: { image: string }[] } };
    assert.match(pod.metadata.name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
    assert.equal(pod.spec.containers[0]?.image, 'r.example.com/arm64/shell/python3.11_x:latest');
    assert.ok('jobs' in (parse(actions) as object));
  });
});
