/** A resource in the state that a run of `terraform test` left. */
export interface StateResource {
  /** As `module.team["payments"].google_storage_bucket.store`. */
  readonly address: string;
  readonly type: string;
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** One `run` of a test file. */
export interface TestRun {
  readonly file: string;
  readonly name: string;
  readonly status: 'pass' | 'fail' | 'error' | 'skip';
  /** What went wrong, in Terraform's words. */
  readonly problems: readonly string[];
  /** Empty unless the run applied, and `-verbose` was given. */
  readonly resources: readonly StateResource[];
}

interface Module {
  readonly resources?: readonly StateResource[];
  readonly child_modules?: readonly Module[];
}

/** A line of `terraform test -json`, as far as it is of interest. */
interface Line {
  readonly type: string;
  readonly '@testfile'?: string;
  readonly '@testrun'?: string;
  readonly test_run?: { readonly progress: string; readonly status?: TestRun['status'] };
  readonly test_state?: { readonly root_module?: Module };
  readonly diagnostic?: { readonly summary: string; readonly detail: string };
}

/** Reads what `terraform test -json -verbose` prints. */
export function readTestRuns(output: string): TestRun[] {
  const runs = new Map<string, { -readonly [K in keyof TestRun]: TestRun[K] }>();
  for (const text of output.split('\n').filter((line) => line.startsWith('{'))) {
    const line = JSON.parse(text) as Line;
    const [file, name] = [line['@testfile'], line['@testrun']];
    if (file === undefined || name === undefined) continue;
    const key = `${file} ${name}`;
    const run = runs.get(key) ?? { file, name, status: 'skip', problems: [], resources: [] };
    runs.set(key, run);
    if (line.test_run?.status !== undefined && line.test_run.progress === 'complete') run.status = line.test_run.status;
    if (line.test_state?.root_module !== undefined) run.resources = resourcesIn(line.test_state.root_module);
    if (line.diagnostic !== undefined) {
      run.problems = [...run.problems, `${line.diagnostic.summary}: ${line.diagnostic.detail}`];
    }
  }
  return [...runs.values()];
}

function resourcesIn({ resources = [], child_modules: modules = [] }: Module): StateResource[] {
  return [...resources, ...modules.flatMap(resourcesIn)];
}
