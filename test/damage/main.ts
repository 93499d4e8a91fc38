import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bucketPlace } from './bucket-place.ts';
import { folderPlace } from './folder-place.ts';
import { type Round, sweep } from './sweep.ts';

/**
 * npm run damage: a store of many small images, in a folder and in a bucket, of which records and blobs are damaged: what is
 * pulled then is right, or is not there, and is mended by the second pull. Ends with 1 where it is not.
 */

const USAGE = `npm run damage -- [--images N] [--each] [--minutes N] [folder] [bucket]
--each also damages one object at a time, which takes a quarter of an hour.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: 'string', default: '47' },
    each: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '60' },
  },
});
const [images, minutes] = [Number(values.images), Number(values.minutes)];
if (
  !(Number.isInteger(images) && images > 0 && minutes > 0) ||
  positionals.some((one) => !/^(folder|bucket)$/.test(one))
) {
  process.stderr.write(USAGE);
  process.exit(2);
}
const wanted = positionals.length === 0 ? ['folder', 'bucket'] : positionals;
const onRound = ({ what, damaged, seen, findings }: Round) => {
  process.stdout.write(`  ${what}: ${damaged} damaged, ${seen} answers cut or not there, ${findings.length} wrong\n`);
  for (const finding of findings.slice(0, 10)) process.stdout.write(`    ${finding}\n`);
};
const options = { images, each: values.each, maxSeconds: minutes * 60, onRound };
const rounds: Round[] = [];
if (wanted.includes('folder')) {
  const scratch = await mkdtemp(join(tmpdir(), 'nixery-damage-'));
  process.stdout.write(`${images} images in a folder\n`);
  rounds.push(...(await sweep(folderPlace(scratch), options).finally(() => rm(scratch, { recursive: true }))));
}
if (wanted.includes('bucket')) {
  await using place = await bucketPlace();
  process.stdout.write(`${images} images in a bucket\n`);
  rounds.push(...(await sweep(place, options)));
}
const wrong = rounds.filter(({ findings }) => findings.length > 0).length;
process.stdout.write(`${rounds.length} rounds, ${wrong} with something wrong\n`);
process.exitCode = wrong === 0 ? 0 : 1;
