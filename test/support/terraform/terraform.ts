import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { projectFolder } from '../service/registry-process.ts';
import { startStubProvider } from './stub-provider.ts';

/** `infra/` in a folder of its own, with a provider. */
export interface Terraform extends AsyncDisposable {
  /** The copy of `infra/`, which may be changed. */
  readonly folder: string;
  /** Which provider it has. */
  readonly provider: 'stub' | 'real';
  /** Runs a command, whatever it ends with. */
  run(args: readonly string[]): Promise<{ readonly exitCode: number | undefined; readonly output: string }>;
}

/** How long Terraform's registry may take to answer before it counts as out of reach. */
const REGISTRY_TIMEOUT_MS = 2_000;
/** Downloading Google's provider. */
const INIT_TIMEOUT_MS = 60_000;

/** What a test says that is skipped; undefined when Terraform is there. */
export async function whyNoTerraform(): Promise<string | undefined> {
  const { failed } = await execa('terraform', ['version'], { reject: false, stdin: 'ignore', env: quiet });
  return failed ? 'terraform is not installed: https://developer.hashicorp.com/terraform/install' : undefined;
}

const quiet = {
  CHECKPOINT_DISABLE: '1',
  TF_IN_AUTOMATION: '1',
  // A configuration of the person who runs the tests is no part of them.
  TF_CLI_CONFIG_FILE: '/dev/null',
};

/** Copies `infra/` and gives it Google's provider, or a stub with its schema where that cannot be had. */
export async function openTerraform(): Promise<Terraform> {
  const root = await mkdtemp(join(tmpdir(), 'terraform-'));
  const folder = join(root, 'infra');
  await cp(join(projectFolder, 'infra'), folder, {
    recursive: true,
    filter: (path) => !/(\/\.terraform|\.tfvars|\.tfstate)$/.test(path),
  });
  const execute = (args: readonly string[], env: Record<string, string> = {}, timeout = 0) =>
    execa('terraform', args, {
      ...{ cwd: folder, reject: false, stdin: 'ignore', all: true, timeout },
      env: { ...quiet, TF_DATA_DIR: join(root, 'data'), ...env },
    });

  const isReal = (await registryAnswers()) && !(await execute(['init', '-backend=false'], {}, INIT_TIMEOUT_MS)).failed;
  const stub = isReal ? undefined : await startStubProvider();
  if (stub !== undefined) await execute(['get']);

  return {
    folder,
    provider: isReal ? 'real' : 'stub',
    async run(args) {
      const { exitCode, all } = await execute(args, stub?.environment);
      return { exitCode, output: all };
    },
    async [Symbol.asyncDispose]() {
      stub?.[Symbol.dispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function registryAnswers(): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(REGISTRY_TIMEOUT_MS);
    return (await fetch('https://registry.terraform.io/.well-known/terraform.json', { signal })).ok;
  } catch {
    // Whatever keeps it from us: there is the stub.
    return false;
  }
}
