// node infra/roll-out.ts: gives every team's service an image. What it needs is in variables, as cloudbuild.yaml sets them.
import { z } from 'zod';
import { cloudRun } from './cloud-run.ts';
import { rollOut, RolloutError } from './rollout.ts';
import { smokePull } from './smoke.ts';

const needed = z.string().min(1, 'must be set');
const variables = z.object({ PROJECT: needed, IMAGE: needed, COMMIT: needed, SMOKE_IMAGE: needed });
const parsed = variables.safeParse(process.env);
if (!parsed.success) {
  process.stderr.write(`${z.prettifyError(parsed.error)}\n`);
  process.exit(2);
}
const { PROJECT: project, IMAGE: image, COMMIT: commit, SMOKE_IMAGE: smokeImage } = parsed.data;

try {
  await rollOut({ image, commit, smokeImage }, cloudRun(project), smokePull, (line) => {
    process.stdout.write(`${line}\n`);
  });
} catch (error) {
  const text = error instanceof RolloutError ? error.message : String(error);
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
}
