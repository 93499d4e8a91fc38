// npm run terraform:schema: writes the part of the Google provider's schema that infra/ uses, as the package of the CDK
// for Terraform tells it. The package is large, so it is fetched for this alone.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { readGeneratedClass } from './generated-class.ts';
import { schemaFile, type Block, type ProviderSchema } from './schema.ts';

/** Its classes are generated from version 6.50.0 of the provider, which is the last that it was made for. */
const PACKAGE = '@cdktf/provider-google@16.12.1';
const VERSION = '6.50.0';

const RESOURCES = [
  ...[
    'project_service',
    'project_iam_member',
    'project_iam_custom_role',
    'service_account',
    'service_account_iam_member',
  ],
  ...['artifact_registry_repository', 'artifact_registry_repository_iam_member'],
  ...['storage_bucket', 'storage_bucket_iam_member'],
  ...['secret_manager_secret', 'secret_manager_secret_iam_member'],
  ...['cloud_run_v2_service', 'cloud_run_v2_service_iam_member'],
] as const;
const DATA_SOURCES = ['cloud_run_locations'] as const;

const folder = await mkdtemp(join(tmpdir(), 'google-provider-'));
try {
  await execa('npm', ['pack', PACKAGE, '--silent'], { cwd: folder, stdin: 'ignore' });
  const [archive] = await readdir(folder);
  if (archive === undefined) throw new Error(`npm pack ${PACKAGE} gave nothing`);
  const directories = [
    'provider',
    ...RESOURCES.map((name) => directoryOf(name)),
    ...DATA_SOURCES.map((name) => `data-google-${directoryOf(name)}`),
  ];
  await execa('tar', ['-xzf', archive, ...directories.map((name) => `package/lib/${name}`)], { cwd: folder });

  const read = (name: string): Block => readGeneratedClass(join(folder, 'package/lib', name));
  const schema: ProviderSchema = {
    version: VERSION,
    provider: read('provider'),
    resources: Object.fromEntries(RESOURCES.map((name) => [`google_${name}`, read(directoryOf(name))])),
    dataSources: Object.fromEntries(
      DATA_SOURCES.map((name) => [`google_${name}`, read(`data-google-${directoryOf(name)}`)]),
    ),
  };
  await writeFile(schemaFile, `${JSON.stringify(schema)}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

function directoryOf(name: string): string {
  return name.replaceAll('_', '-');
}
