// npm run images: asks what each image's tag is now, and writes the digests to where they are used. docs/container.md.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { IMAGE_LIST, ImageListError, type ListedImage, parseImageList, printImageList } from './image-list.ts';
import { faultsOf, USING_FILES, type UsingFile, withListedReferences } from './image-uses.ts';
import { digestOfTag, TagDigestError } from './tag-digest.ts';

const USAGE = `npm run images [-- --check]

Asks the registry of each image in ${IMAGE_LIST} for the digest of its tag, and writes the digests into that file and into
${USING_FILES.join(' and ')}. Nothing is written when one of them does not answer. Commit what changed.

  --check   asks nobody: fails when an image has no digest, or when a file does not name it by that digest
`;

/** The project's folder, from which the files are named: the one that npm runs this in. */
const at = (file: string) => join(process.cwd(), file);

async function usingTexts(): Promise<Record<UsingFile, string>> {
  const entries = await Promise.all(USING_FILES.map(async (file) => [file, await readFile(at(file), 'utf8')] as const));
  return Object.fromEntries(entries) as Record<UsingFile, string>;
}

/** @throws ImageListError */
async function check(): Promise<void> {
  const faults = faultsOf(parseImageList(await readFile(at(IMAGE_LIST), 'utf8')), await usingTexts());
  if (faults.length === 0) return;
  throw new ImageListError([...faults, 'Run npm run images, and commit what it changes.'].join('\n'));
}

async function renew(): Promise<void> {
  const today = new Date().toISOString().slice(0, 10);
  const renewed: ListedImage[] = [];
  // One after the other: they are few, and a registry counts who asks for much at once.
  for (const image of parseImageList(await readFile(at(IMAGE_LIST), 'utf8'))) {
    const digest = await digestOfTag(image.name, image.tag);
    const how = digest === image.digest ? 'as before' : 'new';
    process.stdout.write(`${image.name}:${image.tag} is ${digest}, ${how}\n`);
    renewed.push({ ...image, digest, renewed: today });
  }
  const texts = await usingTexts();
  const changed = USING_FILES.map((file) => [file, withListedReferences(file, texts[file], renewed)] as const);
  await writeFile(at(IMAGE_LIST), printImageList(renewed));
  for (const [file, text] of changed) await writeFile(at(file), text);
}

try {
  const { values } = parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (values.help === true) process.stdout.write(USAGE);
  else if (values.check === true) await check();
  else await renew();
} catch (error) {
  const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  if (isUsage) process.stderr.write(`${error.message}\n${USAGE}`);
  else if (error instanceof ImageListError) process.stderr.write(`${error.message}\n`);
  else if (error instanceof TagDigestError)
    process.stderr.write(`${error.message}${reason(error)}\nNothing was changed.\n`);
  else throw error;
  process.exitCode = isUsage ? 2 : 1;
}

/** fetch says only that it failed; why is in its cause. */
function reason({ cause }: Error): string {
  if (!(cause instanceof Error)) return '';
  return `: ${cause.cause instanceof Error ? cause.cause.message : cause.message}`;
}
