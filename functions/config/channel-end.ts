const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * The day from which a channel of a NixOS release gets no more security updates: a release of May is maintained until the end
 * of its year, one of November until the end of the next June (https://endoflife.date/nixos, alike for 24.05 to 25.11).
 *
 * Undefined for what is no release: `nixos-unstable`, a commit
 */
function channelEnd(channel: string): Date | undefined {
  const [, year, month] = /^(?:nixos|nixpkgs)-(\d\d)\.(05|11)(?:-[a-z]+)*$/.exec(channel) ?? [];
  if (year === undefined) return undefined;
  return month === '05' ? new Date(Date.UTC(2001 + Number(year), 0)) : new Date(Date.UTC(2001 + Number(year), 6));
}

/** Whether a channel gets security updates, as far as anybody knows. */
export function isMaintained(channel: string, nowMs: number): boolean {
  const end = channelEnd(channel);
  return end === undefined || nowMs < end.getTime();
}

/** What to tell of a channel that is past its end; undefined for one that is maintained, or of which nobody knows. */
export function channelWarning(channel: string, nowMs: number): string | undefined {
  const end = channelEnd(channel);
  if (end === undefined || nowMs < end.getTime()) return undefined;
  const last = new Date(end.getTime() - DAY_MS).toISOString().slice(0, 10);
  return `the channel ${channel} has had no security updates since ${last}: set NIXERY_CHANNEL to a newer one`;
}
