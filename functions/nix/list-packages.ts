import { z } from 'zod';
import type { System } from '../oci/platform.ts';
import { evaluate } from './evaluate/evaluate.ts';
import type { Nix, NixCall } from './nix.ts';
import { ProcessError } from './process-error.ts';
import type { NixSource } from './source.ts';

const listedSchema = z.object({
  attribute: z.string(),
  version: z.string().nullable(),
  description: z.string().nullable(),
  sizeBytes: z.number().int().nonnegative().nullable(),
});
/** The JSON of `nix/list.nix`, version 1. */
const listSchema = z.object({
  version: z.literal(1),
  attributes: z.number().int().nonnegative(),
  packages: z.array(listedSchema),
});

/** A package as a package set lists it: what it does not say is null. */
export type ListedPackage = z.infer<typeof listedSchema>;

/**
 * Evaluations of one list at the most. A name that ends the evaluation of all is found by halving, which takes some
 * seventeen of them among 74,000.
 */
const MAX_EVALUATIONS = 100;

/**
 * The packages of the first level of a set, in byte order. One that cannot be evaluated is left out; where there are very
 * many of those, what comes behind them is left out, too.
 *
 * @throws ProcessError when Nix is not there, is stopped or takes too long, or cannot even name the attributes
 */
export async function listPackages(
  nix: Nix,
  { source, system }: { readonly source: NixSource; readonly system: System },
  call: NixCall = {},
): Promise<readonly ListedPackage[]> {
  let evaluations = 0;

  async function ask(first: number, count: number) {
    evaluations++;
    const request = { source, system, first, count };
    const json = await evaluate(nix, { file: 'list.nix', source, request, flags: ['--strict', '--json'] }, call);
    return listSchema.parse(JSON.parse(json));
  }

  async function list(first: number, count: number): Promise<readonly ListedPackage[]> {
    if (count === 0 || evaluations >= MAX_EVALUATIONS) return [];
    try {
      return (await ask(first, count)).packages;
    } catch (error) {
      if (!(error instanceof ProcessError) || error.failure !== 'exit') throw error;
      if (count === 1) return [];
      const half = Math.ceil(count / 2);
      return [...(await list(first, half)), ...(await list(first + half, count - half))];
    }
  }

  // First the names alone: how many there are.
  const { attributes } = await ask(0, 0);
  return list(0, attributes);
}
