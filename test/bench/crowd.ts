import { fixturePackages } from '../support/nix.ts';
import { startRegistry } from '../support/service/registry-process.ts';
import { pullWhole } from '../support/http/request.ts';
import { startCrowd } from '../support/http/slow-crowd.ts';
import { type Benchmark, seconds } from './figure.ts';

const CONNECTIONS = 2_000;
/** Of what a pull takes without them. */
const MOST = 2;
const PULLS = 7;

/** What clients that send a byte a second take of a pull's time. */
export const crowd: Benchmark = {
  name: 'crowd',
  async measure(setting) {
    const folder = await setting.folder();
    await using registry = await startRegistry({ NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: folder });
    const pulls = async (): Promise<number[]> => {
      const values: number[] = [];
      while (values.length < PULLS) values.push(await seconds(() => pullWhole(registry.origin, 'greet/random')));
      return values;
    };
    await pulls();
    const alone = await pulls();
    const slow = await startCrowd(registry.origin, CONNECTIONS);
    const beside = await pulls();
    await slow.gone();
    return [
      {
        name: 'a whole pull beside 2,000 clients that send a byte a second',
        unit: 's',
        values: beside,
        floor: { what: 'the same pull alone', values: alone },
        atMostOfFloor: MOST,
      },
    ];
  },
};
