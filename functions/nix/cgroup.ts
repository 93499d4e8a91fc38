/** What a call of Nix may take with all that it starts. */
export interface ProcessLimits {
  readonly processes: number;
  /** As much as there is when undefined. */
  readonly memoryBytes: number | undefined;
}

/** A control group of the kernel's: whatever its processes start stays in it, and is ended with it. */
export interface Cgroup {
  /** A process that writes `0` to each of these files is in it. */
  readonly files: readonly string[];
  /** Ends all that is in it, and removes it. */
  remove(): Promise<void>;
}

/** Makes control groups, each with the same limits. */
export interface Cgroups {
  /** What it bounds: `processes`, `memory` and `processor`, as far as the system lets it. */
  readonly bounds: readonly string[];
  /** @throws Error when the system makes none any more; nothing of it is left */
  create(): Promise<Cgroup>;
  /** Leaves nothing of them behind. */
  close(): Promise<void>;
}
