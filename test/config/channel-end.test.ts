import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { channelWarning } from '../../functions/config/channel-end.ts';
import { parseConfig } from '../../functions/config/config.ts';

describe('the warning of a channel', () => {
  const table = [
    ['nixos-25.05', '2025-12-31'],
    ['nixos-25.11', '2026-06-30'],
    ['nixos-25.11-small', '2026-06-30'],
    ['nixpkgs-25.11-darwin', '2026-06-30'],
    ['nixos-26.05', '2026-12-31'],
    ['nixos-26.11', '2027-06-30'],
  ] as const;
  for (const [channel, last] of table) {
    it(`comes after the last day of ${channel}, which is ${last}`, () => {
      assert.equal(channelWarning(channel, Date.parse(`${last}T23:59:59Z`)), undefined);
      const warning = channelWarning(channel, Date.parse(`${last}T23:59:59Z`) + 1_000);
      assert.match(
        warning ?? '',
        new RegExp(`${channel} has had no security updates since ${last}: set NIXERY_CHANNEL`),
      );
    });
  }

  it('never comes for what is no release', () => {
    const late = Date.parse('2100-01-01T00:00:00Z');
    for (const channel of ['nixos-unstable', 'nixpkgs-unstable', 'a'.repeat(40), 'nixos-26.05x', 'nixos-26.06']) {
      assert.equal(channelWarning(channel, late), undefined);
    }
  });

  it('would come one day for the channel that is used when none is configured', () => {
    const { packages } = parseConfig({ HOME: '/home/u' }, { programFolder: '/program', terminal: false });
    assert.ok(packages.kind === 'channel');
    assert.match(channelWarning(packages.channel, Date.parse('2100-01-01T00:00:00Z')) ?? '', /no security updates/);
  });
});
