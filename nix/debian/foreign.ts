import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { packagesIndexes, readPackages, update, type AptOptions } from './apt.ts';
import type { DebianPackage } from './package.ts';

/**
 * The packages of another architecture, from the machine's own sources and keys but with a private state of apt, so
 * that the machine's configuration is not changed.
 *
 * @param state folder for apt's lists, kept so that the next time only changes are fetched
 * @throws Error when the indexes cannot be had
 */
export async function readForeignPackages(architecture: string, state: string): Promise<DebianPackage[]> {
  await mkdir(join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(join(state, 'cache', 'archives', 'partial'), { recursive: true });
  const options: AptOptions = [
    ['Dir::State::lists', join(state, 'lists')],
    ['Dir::Cache', join(state, 'cache')],
    ['APT::Architecture', architecture],
    ['APT::Architectures', architecture],
    ['APT::Sandbox::User', 'root'],
    ['Acquire::Languages', 'none'],
  ].flatMap(([name, value]) => ['-o', `${name ?? ''}=${value ?? ''}`]);
  await update(options);
  const indexes = await packagesIndexes(architecture, options);
  if (indexes.length === 0) throw new Error(`apt found no packages for ${architecture}`);
  return readPackages(indexes);
}
