import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseImageName } from '../../functions/builder/image-request.ts';
import { parseRepositoryName } from '../../functions/oci/reference.ts';

function parse(name: string) {
  const repository = parseRepositoryName(name);
  assert.ok(repository !== undefined, `${name} is a repository name`);
  return parseImageName(repository);
}

describe('the name of an image', () => {
  it('asks for the packages that it names, sorted and once each', () => {
    for (const name of ['git/htop', 'htop/git', 'git/htop/git']) {
      assert.deepEqual(parse(name), {
        kind: 'request',
        request: { attributes: ['git', 'htop'], systems: ['x86_64-linux'] },
      });
    }
  });

  it('means the same in any order, with any repetition', () => {
    const component = fc.constantFrom('git', 'shell', 'arm64', 'hello', 'python3.11', 'builder', 'constructor', 'a__b');
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 8 }), fc.nat(), (components, seed) => {
        const turned = [
          ...components.slice(seed % components.length),
          ...components.slice(0, seed % components.length),
        ];
        const repeated = [...turned.toReversed(), ...components];
        assert.deepEqual(parse(repeated.join('/')), parse(components.join('/')));
      }),
    );
  });

  it('stands for sets of packages wherever the set is', () => {
    const shell = ['bashInteractive', 'coreutils', 'git', 'moreutils', 'nano'];
    for (const name of ['shell/git', 'git/shell']) {
      assert.deepEqual(parse(name), { kind: 'request', request: { attributes: shell, systems: ['x86_64-linux'] } });
    }
    const builder = parse('builder');
    assert.ok(builder.kind === 'request');
    for (const attribute of ['gcc', 'gnumake', 'bashInteractive'])
      assert.ok(builder.request.attributes.includes(attribute));
  });

  it('chooses the platform wherever arm64 is', () => {
    for (const name of ['arm64/hello', 'hello/arm64']) {
      assert.deepEqual(parse(name), {
        kind: 'request',
        request: { attributes: ['hello'], systems: ['aarch64-linux'] },
      });
    }
  });

  it('is for all platforms that are configured where it chooses none', () => {
    const repository = (name: string) => {
      const parsed = parseRepositoryName(name);
      assert.ok(parsed !== undefined);
      return parsed;
    };
    const systems = ['x86_64-linux', 'aarch64-linux'] as const;
    assert.deepEqual(parseImageName(repository('hello'), systems), {
      kind: 'request',
      request: { attributes: ['hello'], systems },
    });
    for (const [name, system] of [
      ['amd64/hello', 'x86_64-linux'],
      ['hello/arm64', 'aarch64-linux'],
    ] as const) {
      assert.deepEqual(parseImageName(repository(name), systems), {
        kind: 'request',
        request: { attributes: ['hello'], systems: [system] },
      });
    }
    assert.equal(parse('amd64/hello/arm64').kind, 'invalid');
  });

  it('is invalid when it asks for a platform and no package', () => {
    for (const name of ['arm64', 'amd64']) assert.equal(parse(name).kind, 'invalid');
  });

  it('may hold 64 packages and no more', () => {
    const names = (count: number) => Array.from({ length: count }, (_, index) => `p${index}`).join('/');
    assert.equal(parse(names(64)).kind, 'request');
    const result = parse(names(65));
    assert.ok(result.kind === 'invalid');
    assert.match(result.message, /65 packages; at most 64/);
  });

  it('may hold words that JavaScript knows', () => {
    assert.deepEqual(parse('constructor/valueof'), {
      kind: 'request',
      request: { attributes: ['constructor', 'valueof'], systems: ['x86_64-linux'] },
    });
  });
});
