import { z } from 'zod';
import { objectKey } from '../storage/object-key.ts';

/** How far a build is. `lost`: whoever made it has not been heard of for a while. */
export type BuildState = 'waiting' | 'running' | 'made' | 'failed' | 'stopped' | 'lost';

/** Who asked for an image first, and how. */
export interface Asker {
  /** The name that was asked for. */
  readonly repository: string;
  readonly reference: string;
  /** Undefined where there are no users. */
  readonly user?: string;
  /** What in a trace its build belongs to. */
  readonly trace?: TraceParent | undefined;
}

/** A span of a trace, in hexadecimal. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
}

/** A build without its log, as its instance tells of it. */
export const recentBuildSchema = z.object({
  /** The key of the image. */
  id: z.string().regex(/^[0-9a-f]{64}$/),
  repository: z.string(),
  reference: z.string(),
  user: z.string().optional(),
  revision: z.string(),
  state: z.enum(['waiting', 'running', 'made', 'failed', 'stopped']),
  /** In milliseconds since 1970, by the clock of the instance that makes it. */
  startedMs: z.number(),
  endedMs: z.number().optional(),
  /** When this was written. */
  atMs: z.number(),
  /** Why it failed. */
  message: z.string().optional(),
});

/** A build without its log. Of a build that was lost, what was last heard. */
export type BuildSummary = Omit<z.infer<typeof recentBuildSchema>, 'state'> & { readonly state: BuildState };

/** `builds/<key of the image>`: the latest build of an image, with the end of its log. */
export const buildRecordSchema = recentBuildSchema.extend({
  version: z.literal(1),
  log: z.array(z.string()),
  /** Lines before those. */
  lost: z.number(),
});
export type BuildRecord = z.infer<typeof buildRecordSchema>;

/** `builds/latest`: the latest builds of all instances that took a while or failed, newest first. */
export const recentBuildsSchema = z.object({ version: z.literal(1), builds: z.array(recentBuildSchema) });
export type RecentBuild = z.infer<typeof recentBuildSchema>;

/** Versions before records had proofs have theirs in `builds/recent`. */
export const RECENT_BUILDS = objectKey('builds', 'latest');

/** A running build is told of every few seconds: one that was not for this long has no instance any more. */
const SILENT_FOR_MS = 60_000;

/** A build as it is to be seen, given when its record was written. */
export function summaryOf(build: RecentBuild, nowMs: number): BuildSummary {
  const isOpen = build.state === 'running' || build.state === 'waiting';
  // One that was told of in the future comes from a clock that is wrong, or from before this one was put right.
  return isOpen && Math.abs(nowMs - build.atMs) > SILENT_FOR_MS ? { ...build, state: 'lost' } : build;
}
