import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { IMAGE_LIST, parseImageList, printImageList, referenceTo } from '../../infra/image-list.ts';
import { referencesIn, USING_FILES, type UsingFile, withListedReferences } from '../../infra/image-uses.ts';
import { projectFolder } from '../support/service/registry-process.ts';

const read = (file: string) => readFileSync(join(projectFolder, file), 'utf8');
const images = parseImageList(read(IMAGE_LIST));

/** What is written in the project; what was installed or made is left out, and the Debian set, whose names are packages'. */
const written = globSync('**/*', {
  ...{ cwd: projectFolder, withFileTypes: true },
  exclude: ({ name, parentPath }) =>
    ['node_modules', '.git', '.data', 'dist', 'package-lock.json'].includes(name) ||
    join(parentPath, name) === join(projectFolder, 'nix/debian/set'),
})
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => join(parentPath, name).slice(projectFolder.length).replace(/^\//, ''));

/** Files that may name an image: the list, what uses it, and what shows users a Dockerfile of their own. */
const MAY_NAME: readonly string[] = [IMAGE_LIST, ...USING_FILES, 'functions/web/composing/commands.ts'];
/** Tests of this, which name some. */
const TESTS: readonly string[] = ['test/infra/images.test.ts', 'test/infra/renew-images.test.ts'];

/** How an image of others is named: listed or not, by a tag or a digest, or with a public registry's host. */
const NAMES_AN_IMAGE = new RegExp(
  [
    String.raw`(?<![\w./-])(?:${images.map(({ name }) => name.replaceAll('.', String.raw`\.`)).join('|')})(?:@sha256:|:(?:latest|stable|\d|[a-z]+-slim))`,
    String.raw`(?<![\w.-])(?:docker|gcr|ghcr|quay)\.io/[a-z]`,
    String.raw`(?<![\w.-])mcr\.microsoft\.com/[a-z]`,
    String.raw`^FROM (?!\$)[a-z]\S*[:@]`,
  ].join('|'),
  'm',
);

describe('images that builds start from', () => {
  it('are listed as the program writes them', () => {
    assert.equal(printImageList(images), read(IMAGE_LIST));
  });

  it('are named as the list has them, and all of the list is used', () => {
    for (const file of USING_FILES) assert.equal(withListedReferences(file, read(file), images), read(file), file);
    const used = new Set(USING_FILES.flatMap((file) => referencesIn(file, read(file))));
    assert.deepEqual([...used].sort(), images.map(referenceTo).sort());
  });

  it('are all that the Dockerfile and the steps of Cloud Build start from', () => {
    const dockerfile = read('nix/Dockerfile');
    const stages = [...dockerfile.matchAll(/^FROM .* AS (\S+)$/gm)].map(([, stage]) => stage);
    const froms = [...dockerfile.matchAll(/^(?:FROM|COPY --from=) ?(\S+)|RUN .*--mount=\S*from=([^,\s]+)/gm)];
    const others = froms.map(([, from, mounted]) => from ?? mounted).filter((from) => !stages.includes(from));
    assert.deepEqual(others, ['${BASE}']);
    assert.equal(referencesIn('nix/Dockerfile', dockerfile).length, 1);
    // A frontend is an image as well.
    assert.doesNotMatch(dockerfile, /^#\s*syntax\s*=/im);

    const { steps } = parse(read('cloudbuild.yaml')) as { steps: { name: string }[] };
    assert.deepEqual(
      referencesIn('cloudbuild.yaml', read('cloudbuild.yaml')),
      steps.map(({ name }) => name),
    );
  });

  it('are named nowhere else', () => {
    assert.ok(written.length > 300 && written.includes('infra/bootstrap.sh') && written.includes('docs/deploy.md'));
    const builds = written.filter((file) => /(?:dockerfile|containerfile|cloudbuild|compose)[^/]*$/i.test(file));
    assert.deepEqual(
      builds.filter((file) => !/\.(?:ts|tf|md)$/.test(file)),
      [...USING_FILES].sort() satisfies UsingFile[],
    );
    assert.deepEqual(
      written.filter((file) => !MAY_NAME.includes(file) && !TESTS.includes(file) && NAMES_AN_IMAGE.test(read(file))),
      [],
    );
    for (const file of MAY_NAME) assert.ok(file === IMAGE_LIST || NAMES_AN_IMAGE.test(read(file)), file);
  });
});
