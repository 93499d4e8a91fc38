import { z } from 'zod';
import type { Nix, NixCall } from './nix.ts';
import { ProcessError, run } from './process.ts';
import { type ClosurePath, parseStorePath, type StorePath } from './store-path.ts';

const hashSchema = z.union([
  z.string(),
  // Nix 2.33 and later
  z.object({ algorithm: z.literal('sha256'), format: z.literal('base64'), hash: z.string() }),
]);
const pathInfoSchema = z.object({ narHash: hashSchema, narSize: z.number(), references: z.array(z.string()) });
/** `nix path-info --json`: a list until Nix 2.18, then an object by path, and one with a version in the newest. */
const listSchema = z.array(pathInfoSchema.extend({ path: z.string(), valid: z.boolean().optional() }));
const objectSchema = z.record(z.string(), pathInfoSchema.nullable());
const versionedSchema = z.object({ info: objectSchema });

/**
 * The closure of these store paths: all that they refer to, directly or not, and themselves, sorted by path.
 *
 * @returns undefined when one of them is not in the local store
 * @throws ProcessError when Nix fails
 */
export async function closureOf(
  nix: Nix,
  paths: readonly StorePath[],
  call: NixCall = {},
): Promise<readonly ClosurePath[] | undefined> {
  let stdout: string;
  try {
    const flags = ['--extra-experimental-features', 'nix-command', 'path-info', '--json', '--recursive'];
    stdout = await run('nix', [...flags, ...paths], {
      ...call,
      // What is not there is no failure, and nobody is to read of it.
      onStderr: undefined,
      env: nix.environment,
      user: nix.user,
    });
  } catch (error) {
    if (
      error instanceof ProcessError &&
      error.failure === 'exit' &&
      error.logTail.some((line) => /is not valid/.test(line))
    ) {
      return undefined;
    }
    throw error;
  }
  const closure = parsePathInfo(JSON.parse(stdout));
  return closure?.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Understands every shape of the JSON. Undefined when a path is said not to be there. */
export function parsePathInfo(json: unknown): ClosurePath[] | undefined {
  const list = listSchema.safeParse(json);
  const entries: (readonly [string, z.infer<typeof pathInfoSchema> | null])[] = list.success
    ? list.data.map((info) => [info.path, info.valid === false ? null : info] as const)
    : Object.entries(versionedSchema.safeParse(json).data?.info ?? objectSchema.parse(json));
  const closure: ClosurePath[] = [];
  for (const [text, info] of entries) {
    if (info === null) return undefined;
    const path = toStorePath(text);
    const references = info.references.map(toStorePath).filter((reference) => reference !== path);
    closure.push({ path, narHash: toSri(info.narHash), narSizeBytes: info.narSize, references: references.sort() });
  }
  return closure;
}

/** The newest Nix gives names without the store's folder. */
function toStorePath(text: string): StorePath {
  const path = parseStorePath(text.startsWith('/') ? text : `/nix/store/${text}`);
  if (path === undefined) throw new Error(`Nix gave something that is no store path: ${text.slice(0, 300)}`);
  return path;
}

function toSri(hash: z.infer<typeof hashSchema>): string {
  const sri = typeof hash === 'string' ? hash : `sha256-${hash.hash}`;
  if (!/^sha256-[A-Za-z0-9+/]{43}=$/.test(sri))
    throw new Error(`Nix gave a NAR hash of another kind: ${sri.slice(0, 100)}`);
  return sri;
}
