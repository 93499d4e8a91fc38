import { z } from 'zod';
import { evaluate } from '../evaluate/evaluate.ts';
import { nearMatches } from '../near-matches.ts';
import type { NixAhead } from '../ahead/ahead.ts';
import { type Nix, type NixCall, nixMessage, type ResolveRequest } from '../nix.ts';
import { ProcessError } from '../process-error.ts';
import { refusedDependency } from './refused-dependency.ts';
import { storePathSchema } from '../store-path.ts';

const outputSchema = z.object({ name: z.string(), drvPath: storePathSchema, path: storePathSchema });
const foundSchema = z.object({
  kind: z.literal('found'),
  attribute: z.string(),
  attributePath: z.string(),
  name: z.string(),
  version: z.string().nullable(),
  mainProgram: z.string().nullable(),
  priority: z.number().int().nullable(),
  outputs: z.array(outputSchema).min(1),
});

/** The JSON of `nix/resolve.nix`, version 1. */
const evaluationSchema = z.object({
  version: z.literal(1),
  attributes: z.array(z.looseObject({ attribute: z.string() })),
});
const evaluatedSchema = z.discriminatedUnion('kind', [
  foundSchema,
  z.object({ kind: z.literal('not-found'), attribute: z.string(), candidates: z.array(z.string()) }),
  z.object({
    kind: z.literal('package-set'),
    attribute: z.string(),
    attributePath: z.string(),
    platform: z.string().nullable(),
  }),
  z.object({
    kind: z.literal('not-a-package'),
    attribute: z.string(),
    attributePath: z.string(),
    type: z.string(),
  }),
  z.object({
    kind: z.enum(['unfree', 'broken', 'insecure', 'unsupported']),
    attribute: z.string(),
    attributePath: z.string(),
    reasons: z.array(z.string()),
  }),
  z.object({ kind: z.literal('failed'), attribute: z.string(), path: z.array(z.string()) }),
]);
/** A package may say of itself what it likes: an output that is no store path, a number that is too large. */
type Evaluated =
  | z.infer<typeof evaluatedSchema>
  | { readonly kind: 'malformed'; readonly attribute: string; readonly problem: string };

function parseEvaluation(json: string): readonly Evaluated[] {
  return evaluationSchema.parse(JSON.parse(json)).attributes.map((one) => {
    const parsed = evaluatedSchema.safeParse(one);
    if (parsed.success) return parsed.data;
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    return { kind: 'malformed', attribute: one.attribute, problem: problems.join('; ') };
  });
}

/** One output of a derivation, and where it will be. */
export type Output = z.infer<typeof outputSchema>;

/** A derivation that an attribute names. `version`, `mainProgram` and `priority` are null where the package does not say. */
export type FoundPackage = z.infer<typeof foundSchema>;

/** What became of an attribute name. */
export type Resolution = FoundPackage | UnknownAttribute | RefusedAttribute;

export interface UnknownAttribute {
  readonly kind: 'not-found';
  readonly attribute: string;
  /** What the person may have meant, best first, at most five. */
  readonly nearMatches: readonly string[];
}

export interface RefusedAttribute {
  readonly kind:
    'package-set' | 'not-a-package' | 'unfree' | 'broken' | 'insecure' | 'unsupported' | 'evaluation-failed';
  readonly attribute: string;
  /** A sentence for the person who asked. */
  readonly message: string;
}

export type ResolveCall = NixCall & {
  /** Asked before an evaluation is begun. */
  readonly ahead?: Pick<NixAhead, 'resolve'> | undefined;
};

/**
 * Resolves all names in one evaluation; the answers stand in the order of the names. Only when Nix gives up on the whole
 * is each name evaluated alone, to tell which one it was. What is found stays in the store while the call has its room.
 *
 * @throws ProcessError when Nix is not there, is stopped or takes too long, and whatever `nix.admit` throws
 */
export async function resolve(
  nix: Nix,
  request: ResolveRequest,
  call: ResolveCall = {},
): Promise<readonly Resolution[]> {
  const { room } = call;
  if (room === undefined) return resolveNames(nix, request, call);
  return room.keepingAll(async () => {
    const resolutions = await resolveNames(nix, request, call);
    const outputs = resolutions.flatMap((one) => (one.kind === 'found' ? one.outputs : []));
    await room.hold(outputs.flatMap(({ drvPath, path }) => [drvPath, path]));
    return resolutions;
  });
}

async function resolveNames(nix: Nix, request: ResolveRequest, call: ResolveCall): Promise<readonly Resolution[]> {
  let evaluated: readonly Evaluated[];
  try {
    const json = (await call.ahead?.resolve(request, call)) ?? (await evaluateNames(nix, request, call));
    evaluated = parseEvaluation(json);
  } catch (error) {
    if (!(error instanceof ProcessError) || error.failure !== 'exit') throw error;
    const [only, ...others] = request.attributes;
    if (only === undefined) throw error;
    if (others.length === 0) return [evaluationFailed(nix, only, error)];
    const alone: Resolution[] = [];
    for (const attribute of request.attributes) {
      alone.push(...(await resolveNames(nix, { ...request, attributes: [attribute] }, call)));
    }
    return alone;
  }
  const resolutions: Resolution[] = [];
  for (const one of evaluated) resolutions.push(await conclude(nix, request, one, call));
  nix.admit?.(resolutions.filter((one) => one.kind === 'found'));
  return resolutions;
}

function evaluateNames(nix: Nix, request: ResolveRequest, call: NixCall): Promise<string> {
  const { source } = request;
  return evaluate(nix, { file: 'resolve.nix', source, request, flags: ['--strict', '--json'] }, call);
}

async function conclude(nix: Nix, request: ResolveRequest, one: Evaluated, call: NixCall): Promise<Resolution> {
  const { attribute } = one;
  switch (one.kind) {
    case 'found':
      return one;
    case 'not-found':
      return { kind: one.kind, attribute, nearMatches: nearMatches(attribute, one.candidates) };
    case 'package-set':
      return { kind: one.kind, attribute, message: `${one.attributePath} ${packageSetProblem(one.platform)}` };
    case 'not-a-package':
      return {
        kind: one.kind,
        attribute,
        message: `${one.attributePath} is no package but a ${one.type}${one.type === 'set' ? '; name something in it, with a dot' : ''}`,
      };
    case 'unfree':
    case 'broken':
    case 'insecure':
    case 'unsupported': {
      const reasons = one.reasons.length > 0 ? `: ${one.reasons.join(', ')}` : '';
      return { kind: one.kind, attribute, message: `${one.attributePath} is marked as ${one.kind}${reasons}` };
    }
    case 'malformed': {
      const message = `${attribute} does not say of itself what a package should: ${one.problem}`;
      return { kind: 'evaluation-failed', attribute, message };
    }
    case 'failed': {
      const { source, system } = request;
      try {
        await evaluate(nix, { file: 'explain.nix', source, request: { source, system, path: one.path } }, call);
      } catch (error) {
        if (error instanceof ProcessError && error.failure === 'exit') return evaluationFailed(nix, attribute, error);
        throw error;
      }
      const message = `${one.path.join('.')} is a derivation without a name or an output`;
      return { kind: 'evaluation-failed', attribute, message };
    }
    default:
      throw new RangeError(`no such outcome: ${JSON.stringify(one satisfies never)}`);
  }
}

/** @param platform what the set is for, where that is not what was asked for */
function packageSetProblem(platform: string | null): string {
  if (platform === null) return 'is a package set, not a package';
  const instead: Partial<Record<string, string>> = {
    'aarch64-linux': ': begin the name with arm64/ instead',
    'x86_64-linux': ': begin the name with amd64/ instead',
  };
  return `is a package set for ${platform}, and an image is of one platform${instead[platform] ?? ''}`;
}

/** What Nix, its garbage collector and the C++ library say when an address space is used up. */
const OUT_OF_MEMORY = /out of memory|Failed to expand heap|std::bad_alloc/i;

function evaluationFailed(nix: Nix, attribute: string, { logTail }: ProcessError): RefusedAttribute {
  const { evaluationMemoryBytes: limit } = nix;
  const refused = refusedDependency(logTail);
  if (refused !== undefined) return { kind: 'evaluation-failed', attribute, message: `${attribute} needs ${refused}` };
  const reason =
    limit !== undefined && logTail.some((line) => OUT_OF_MEMORY.test(line))
      ? `it takes more than ${limit / 1024 / 1024} MiB of memory (NIX_EVAL_MEMORY)`
      : nixMessage(logTail);
  return { kind: 'evaluation-failed', attribute, message: `${attribute} cannot be evaluated: ${reason}` };
}
