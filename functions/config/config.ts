import { z } from 'zod/mini';
import { type AccessSettings, accessSettings, accessVariables } from './access-settings.ts';
import { type BuilderSettings, builderSettings, builderVariables } from './builder-settings.ts';
import { type NixSettings, nixSettings, nixVariables } from './nix-settings.ts';
import { pageSettings, type PageSettings, pageVariables } from './page-settings.ts';
import { packageProblems, type PackageSettings, packageSettings, packageVariables } from './package-settings.ts';
import { storageProblems, type StorageSettings, storageSettings, storageVariables } from './storage-settings.ts';
import { text, wholeNumber } from './variable.ts';
import { OperatorError } from '../operator-error.ts';

/** What the program was configured with. */
export interface Config {
  readonly port: number;
  readonly storage: StorageSettings;
  readonly packages: PackageSettings;
  readonly nix: NixSettings;
  readonly builder: BuilderSettings;
  readonly access: AccessSettings;
  readonly pages: PageSettings;
  /** The Google Cloud project that traces are in. */
  readonly project: string | undefined;
  /** Where traces are sent; nowhere when undefined. */
  readonly collector: string | undefined;
  /** At Google, logs are JSON; at a terminal they are lines for people. */
  readonly logFormat: 'json' | 'text';
}

/** One or more variables are wrong; the message names all of them. */
export class ConfigError extends OperatorError {
  readonly code = 'CONFIG';
  override readonly name = 'ConfigError';

  constructor(problems: readonly string[]) {
    super(`the configuration is wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/** As it stands in the environment: a variable set to nothing counts as not set. */
const variables = z.object({
  PORT: z._default(wholeNumber(0, 65535), 8080),
  GOOGLE_CLOUD_PROJECT: text,
  OTEL_EXPORTER_OTLP_ENDPOINT: z.optional(z.url({ protocol: /^https?$/, error: 'must be the URL of a collector' })),
  ...storageVariables.shape,
  ...packageVariables.shape,
  ...nixVariables.shape,
  ...builderVariables.shape,
  ...accessVariables.shape,
  ...pageVariables.shape,
});

/**
 * The configuration in an environment. Pure: nothing is opened or asked.
 *
 * @param env the variables
 * @param world `programFolder`: where the program's own files lie; `terminal`: whether a person reads what it prints
 * @throws ConfigError that names every wrong variable
 */
export function parseConfig(
  env: Readonly<Record<string, string | undefined>>,
  world: { programFolder: string; terminal: boolean },
): Config {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined && value !== '') set[name] = value;
  // Once: to compile the check takes longer than to do it.
  const parsed = variables.safeParse(set, { jitless: true });
  const problems = [
    ...(parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')} ${issue.message}`),
    ...packageProblems(set),
    ...storageProblems(set),
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);

  const { data } = parsed;
  return {
    port: data.PORT,
    storage: storageSettings(data),
    packages: packageSettings(data),
    nix: nixSettings(set, data, world.programFolder),
    builder: builderSettings(data),
    access: accessSettings(data),
    pages: pageSettings(data),
    project: data.GOOGLE_CLOUD_PROJECT,
    collector: data.OTEL_EXPORTER_OTLP_ENDPOINT,
    logFormat: data.K_SERVICE === undefined && world.terminal ? 'text' : 'json',
  };
}
