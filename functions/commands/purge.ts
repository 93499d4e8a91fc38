import { parseArgs } from 'node:util';
import { composeStore } from '../compose/store.ts';
import { parseSelection } from '../upkeep/selection.ts';
import { purge } from '../upkeep/purge.ts';
import { runCommand, UsageError } from './run-command.ts';

const USAGE = `npm run purge -- [--dry-run] [--packed] NAME | REVISION | DIGEST

Removes images, and what only they need, from the store that the service is configured with. Instances may serve
meanwhile; what is pulled again is made again.

  NAME        shell/git: the images made for this name, at all revisions and for each platform of NIXERY_PLATFORMS;
              amd64/shell/git, arm64/shell/git: for one
  REVISION    40 hexadecimal digits: all images made of the package set at this revision
  DIGEST      sha256:...: the image with this manifest, or the images that this index leads to
  --packed    also what the named packages were packed as, and so every image that holds them: after a bad build or
              a leaked secret. A name then also means the images that hold more than its packages
  --dry-run   print what would be removed and remove nothing

A build that is bad stays bad in the Nix store of the machine that made it: remove it there (nix-store --delete), or
restart the instance where its store is in memory.
`;

await runCommand(USAGE, async (config, argv) => {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { 'dry-run': { type: 'boolean', default: false }, packed: { type: 'boolean', default: false } },
  });
  const [text, ...others] = positionals;
  if (text === undefined || others.length > 0) throw new UsageError('name one image, revision or digest');
  const selection = parseSelection(text, config.builder.systems);
  if (selection.kind === 'invalid') throw new UsageError(selection.message);

  const store = await composeStore(config.storage);
  const dryRun = values['dry-run'];
  const verb = dryRun ? 'would remove' : 'removed';
  const outcome = await purge(store, selection, {
    dryRun,
    packed: values.packed,
    removed: ({ key, sizeBytes, about }) => {
      process.stdout.write(`${verb} ${key} (${sizeBytes} bytes)  ${about}\n`);
    },
  });
  switch (outcome.kind) {
    case 'purged': {
      const { images, objects, blobBytes } = outcome;
      process.stdout.write(`${verb} in all: images ${images}, objects ${objects}, bytes of blobs ${blobBytes}\n`);
      return 0;
    }
    case 'no-image':
      process.stderr.write(`${store.name} has no image for ${text}\n`);
      return 1;
    case 'not-a-manifest': {
      const names = outcome.namedBy.map(({ digest, attributes }) => `  ${digest}  ${attributes.join('/')}\n`);
      process.stderr.write(`${text} is no image but a blob of these. Name one of them:\n${names.join('')}`);
      return 1;
    }
    default:
      throw new RangeError(`no such outcome: ${String(outcome satisfies never)}`);
  }
});
