import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { parseImageList } from '../../infra/image-list.ts';
import { manifestUrl } from '../../infra/tag-digest.ts';
import { imageProject } from '../support/image-project.ts';
import { scratchFolders } from '../support/scratch-folders.ts';
import { startTokenRegistry, type TokenRegistrySettings } from '../support/token-registry.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const base = { type: INDEX, body: '{"schemaVersion":2,"manifests":[]}' };
const tool = { type: 'application/vnd.docker.distribution.manifest.v2+json', body: '{"schemaVersion":2}' };
const manifests = { 'base:stable': base, 'team/tool:24': tool };
const BASE_DIGEST = digestOfBytes(base.body);
const TOOL_DIGEST = digestOfBytes(tool.body);

const newFolder = scratchFolders();

async function projectOver(context: TestContext, settings: Partial<TokenRegistrySettings> = {}) {
  const registry = await startTokenRegistry({ manifests, ...settings });
  context.after(() => registry[Symbol.asyncDispose]());
  return { registry, project: await imageProject(await newFolder(), registry.host) };
}

describe('npm run images', () => {
  it('asks as nobody in particular, and writes the digests into the list and to where they are used', async (context) => {
    const {
      registry: { host, requests },
      project,
    } = await projectOver(context);
    const { exitCode, output } = await project.images();
    assert.equal(exitCode, 0, output);
    assert.deepEqual(
      requests.map(({ line, authorization }) => [line, authorization]),
      ['base', 'team/tool'].flatMap((name) => {
        const manifest = `GET /v2/${name}/manifests/${name === 'base' ? 'stable' : '24'}`;
        return [
          [manifest, undefined],
          [`GET /token?service=registry.test&scope=repository%3A${encodeURIComponent(name)}%3Apull`, undefined],
          [manifest, 'Bearer a-token-of-nobody'],
        ];
      }),
    );
    const list = parseImageList(await project.read('infra/images.json'));
    assert.deepEqual(
      list.map(({ name, tag, digest, purpose }) => [name, tag, digest, purpose]),
      [
        [`${host}/base`, 'stable', BASE_DIGEST, 'a base'],
        [`${host}/team/tool`, '24', TOOL_DIGEST, 'a tool'],
      ],
    );
    for (const { renewed } of list) assert.match(renewed ?? '', /^\d{4}-\d\d-\d\d$/);
    // What else the files say stays as it is.
    const pinned = `${host}/base@${BASE_DIGEST}`;
    assert.equal(
      await project.read('nix/Dockerfile'),
      `# ${host}/base:stable\nARG BASE=${pinned}\n\nFROM \${BASE}\nRUN true\n`,
    );
    const step = (id: string) =>
      `  - id: ${id}\n    name: ${host}/team/tool@${TOOL_DIGEST}\n    script: |\n      name: no image\n`;
    assert.equal(await project.read('cloudbuild.yaml'), `steps:\n${step('one')}${step('two')}`);
  });

  it('changes nothing the second time, and takes a moved tag', async (context) => {
    const moving: Record<string, typeof base> = { ...manifests };
    const { project } = await projectOver(context, { manifests: moving, field: 'access_token' });
    await project.images();
    // The day may be another one.
    const files = async () => (await project.readAll()).map((text) => text.replaceAll(/"renewed": ".*"/g, ''));
    const before = await files();
    assert.match((await project.images()).output, /, as before\n.*, as before/);
    assert.deepEqual(await files(), before);
    moving['base:stable'] = { type: INDEX, body: '{"schemaVersion":2,"manifests":[ ]}' };
    assert.match((await project.images()).output, /, new\n.*, as before/);
    const moved = digestOfBytes('{"schemaVersion":2,"manifests":[ ]}');
    for (const file of ['infra/images.json', 'nix/Dockerfile'])
      assert.ok((await project.read(file)).includes(moved), file);
  });

  const refusals: [string, Partial<TokenRegistrySettings>, RegExp][] = [
    [
      'a digest that is not that of the bytes',
      { headers: { 'Docker-Content-Digest': TOOL_DIGEST } },
      /what it sent is/,
    ],
    [
      'a tag that is not there, after one that is',
      { manifests: { 'base:stable': base } },
      /team\/tool:24: .* answered 404/,
    ],
    [
      'what is no manifest',
      { manifests: { ...manifests, 'base:stable': { type: 'text/html', body: 'hello' } } },
      /no manifest, but text\/html/,
    ],
    [
      'more bytes than a manifest may have',
      { manifests: { ...manifests, 'base:stable': { type: INDEX, body: ' '.repeat(4 * 1024 * 1024 + 1) } } },
      /more than 4194304 bytes/,
    ],
    ['a registry that wants a password', { challenge: 'Basic realm="here"' }, /wants credentials/],
    [
      'tokens that are not given',
      { challenge: 'Bearer realm="http://127.0.0.1:1/token"' },
      /127\.0\.0\.1:1 gave no answer/,
    ],
  ];
  for (const [what, settings, message] of refusals) {
    it(`refuses ${what}, and changes no file`, async (context) => {
      const { project } = await projectOver(context, settings);
      const before = await project.readAll();
      const { exitCode, output } = await project.images();
      assert.equal(exitCode, 1);
      assert.match(output, message);
      assert.match(output, /Nothing was changed/);
      assert.deepEqual(await project.readAll(), before);
    });
  }

  it('does not leave an image by its tag that the list does not have', async (context) => {
    const { project } = await projectOver(context);
    await project.write('nix/Dockerfile', 'ARG BASE=other:stable\n');
    const before = await project.readAll();
    const { exitCode, output } = await project.images();
    assert.equal(exitCode, 1);
    assert.match(output, /nix\/Dockerfile names other:stable, which infra\/images\.json does not list/);
    assert.deepEqual(await project.readAll(), before);
  });

  it('checks without asking: no digest yet, another digest, an image that is not listed or not used', async (context) => {
    const { registry, project } = await projectOver(context);
    const early = await project.images('--check');
    assert.equal(early.exitCode, 1);
    assert.match(early.output, /base:stable has no digest yet[^]*tool:24 has no digest yet[^]*npm run images/);
    assert.equal(registry.requests.length, 0);

    await project.images();
    assert.deepEqual(await project.images('--check'), { exitCode: 0, output: '' });
    const dockerfile = await project.read('nix/Dockerfile');
    for (const [reference, message] of [
      [`${registry.host}/base:stable`, /names .*base:stable, which is not what/],
      [`${registry.host}/base@${TOOL_DIGEST}`, /which is not what/],
      ['other:stable', /names other:stable, which is not what[^]*/],
      [`${registry.host}/team/tool@${TOOL_DIGEST}`, /base is in infra\/images\.json, and nothing uses it/],
    ] as const) {
      await project.write('nix/Dockerfile', dockerfile.replace(/(?<=BASE=).*/, reference));
      const { exitCode, output } = await project.images('--check');
      assert.equal(exitCode, 1, reference);
      assert.match(output, message);
    }
  });

  it('refuses a list that is none', async (context) => {
    const { project } = await projectOver(context);
    const image = { name: 'a', tag: 'b', digest: null, renewed: null, purpose: 'c' };
    for (const [list, message] of [
      ['{', /not JSON/],
      [JSON.stringify([{ ...image, digest: 'sha256:1' }]), /infra\/images\.json: /],
      [JSON.stringify([{ ...image, digest: BASE_DIGEST }]), /infra\/images\.json: /],
      [JSON.stringify([image, image]), /lists a twice/],
    ] as const) {
      await project.write('infra/images.json', list);
      for (const args of [[], ['--check']]) {
        const { exitCode, output } = await project.images(...args);
        assert.equal(exitCode, 1, list);
        assert.match(output, message);
      }
    }
  });

  it('asks the registry that docker would ask', () => {
    for (const [name, url] of [
      ['debian', 'https://registry-1.docker.io/v2/library/debian/manifests/t'],
      ['team/tool', 'https://registry-1.docker.io/v2/team/tool/manifests/t'],
      ['gcr.io/cloud-builders/docker', 'https://gcr.io/v2/cloud-builders/docker/manifests/t'],
      ['localhost/tool', 'http://localhost/v2/tool/manifests/t'],
      ['127.0.0.1:5000/a/b', 'http://127.0.0.1:5000/v2/a/b/manifests/t'],
    ] as const)
      assert.equal(manifestUrl(name, 't').href, url);
  });
});
