import assert from 'node:assert/strict';
import type { StateResource } from './test-run.ts';

/** What tests read of a state's resources, by the provider's names. */
type Values = StateResource['values'];

interface Rule {
  readonly action: readonly { readonly type: string }[];
  readonly condition: readonly {
    readonly age: number | null;
    readonly days_since_custom_time: number | null;
    readonly matches_prefix: readonly string[] | null;
  }[];
}

interface Template {
  readonly service_account: string;
  readonly containers: readonly { readonly env: readonly { readonly name: string; readonly value: string }[] }[];
  readonly volumes: readonly { readonly secret: readonly { readonly secret: string }[] }[];
}

/** The rules of a bucket's lifecycle. */
export function rulesIn(bucket: Values): readonly Rule[] {
  return bucket['lifecycle_rule'] as readonly Rule[];
}

/** What the revisions of a service are made from. */
export function templateIn(service: Values): Template {
  const [template] = service['template'] as Template[];
  assert.ok(template);
  return template;
}

/** The variables of a service's container. */
export function environmentIn(service: Values): Map<string, string> {
  return new Map(templateIn(service).containers[0]?.env.map(({ name, value }) => [name, value]));
}

/** What a grant is for: a bucket, a secret, an account, a repository, a service, or else the project. */
export function onWhat(values: Values): unknown {
  const { bucket, secret_id: secret, service_account_id: account, repository, name, project } = values;
  return bucket ?? secret ?? account ?? repository ?? name ?? project;
}

export function text(value: unknown): string {
  assert.equal(typeof value, 'string');
  return value as string;
}
