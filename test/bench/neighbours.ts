import { join } from 'node:path';
import { ratesBeside } from '../support/hostile-neighbour.ts';
import { projectFolder, startRegistry } from '../support/service/registry-process.ts';
import { request } from '../support/http/request.ts';
import type { Benchmark, Figure } from './figure.ts';

const HARMLESS = '/v2/harmless/manifests/latest';
/** The better part of what a process that does nothing to the registry leaves them. */
const LEAST = 0.6;

/** What hostile builds leave to pulls of what is there, beside what a process of their weight leaves to them. */
export const neighbours: Benchmark = {
  name: 'neighbours',
  async measure(setting) {
    const figures: Figure[] = [];
    for (const hostile of ['prints', 'counts']) {
      await using registry = await startRegistry({
        NIXERY_PKGS_PATH: join(projectFolder, 'test', 'fixtures', 'builds'),
        STORAGE_PATH: await setting.folder(),
        NIX_TIMEOUT: '60',
      });
      const { origin } = registry;
      const { status, body } = await request(origin, 'GET', HARMLESS);
      if (status !== 200) throw new Error(`there is nothing to pull: ${status} ${body.toString()}`);
      const { rates, answering } = await ratesBeside(origin, HARMLESS, `/v2/${hostile}/manifests/latest`);
      answering.catch(() => undefined); // The registry is stopped while it is on its way.
      figures.push({
        name: `known manifests beside a build that ${hostile}`,
        unit: 'requests/s',
        values: rates.hostile,
        floor: { what: 'beside a process of the same weight', values: rates.harmless },
        atLeastOfFloor: LEAST,
      });
    }
    return figures;
  },
};
