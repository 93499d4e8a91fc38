import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { parseImageName } from '../../../functions/builder/image-request.ts';
import { parseRepositoryName } from '../../../functions/oci/reference.ts';
import { commandsFor } from '../../../functions/web/composing/commands.ts';

function commands(origin: string, text: string, tag = 'latest'): Record<string, string> {
  const name = parseRepositoryName(text);
  assert.ok(name !== undefined);
  const parsed = parseImageName(name);
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

  it('are YAML where they should be', () => {
    const { kubernetes = '', actions = '' } = commands('https://r.example.com', 'arm64/shell/python3.11_x');
    const pod = parse(kubernetes) as { metadata: { name: string }; spec: { containers: { image: string }[] } };
    assert.match(pod.metadata.name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
    assert.equal(pod.spec.containers[0]?.image, 'r.example.com/arm64/shell/python3.11_x:latest');
    assert.ok('jobs' in (parse(actions) as object));
  });
});
