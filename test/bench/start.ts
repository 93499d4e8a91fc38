import { join } from 'node:path';
import { run } from '../support/command.ts';
import { nodeFlags } from '../support/service/node-flags.ts';
import { projectFolder } from '../support/service/registry-process.ts';
import { type StartTime, timeStart } from '../support/service/start-time.ts';
import type { Benchmark, Figure } from './figure.ts';

/** What Node itself takes to answer: the least for any program. */
const BARE = (port: number) => ['-e', `require('http').createServer((_, out) => out.end('{}')).listen(${port})`];
/** Node compiles at the first start, and finds what it compiled at the second. */
const WARM_UP = 2;
/** A process that starts is the first thing of a cold pull: of the 30 s that clients wait, and of what people do. */
const MOST_SECONDS = 0.3;
/** What it does until then, against what Node alone does. */
const MOST_OF_NODE = 5;

/** From the start of a process to its first answer on `/v2/`, of the bundle as the container has it. */
export const start: Benchmark = {
  name: 'start',
  async measure(setting) {
    const app = await setting.folder();
    await run(process.execPath, [join(projectFolder, 'nix', 'container', 'bundle.ts'), app]);
    const program = join(app, 'functions', 'index.mjs');
    // As nix/container/start.sh does.
    const args = [
      ...['--enable-source-maps', ...nodeFlags(join(projectFolder, 'nix', 'node-flags'))],
      ...[program, `--source=${program}`, '--target=registry', '--signature-type=http', '--ignored-routes='],
    ];
    const env = {
      ...{ NODE_ENV: 'production', NODE_COMPILE_CACHE: join(app, 'compile-cache') },
      ...{
        UV_THREADPOOL_SIZE: '8',
        MALLOC_ARENA_MAX: '2',
        GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
        STORAGE_PATH: join(app, 'store'),
      },
    };
    const ours: StartTime[] = [];
    const bare: StartTime[] = [];
    // By turns, so that both have the same machine.
    for (let turn = 0; turn < WARM_UP + 3 * setting.runs; turn++) {
      const times = [await timeStart(() => args, env), await timeStart(BARE, {})] as const;
      if (turn < WARM_UP) continue;
      ours.push(times[0]);
      bare.push(times[1]);
    }
    const figure = (name: string, key: keyof StartTime): Figure => ({
      name,
      unit: 's',
      values: ours.map((one) => one[key] / 1000),
      floor: { what: 'a server of Node alone', values: bare.map((one) => one[key] / 1000) },
    });
    return [
      { ...figure('start of the process to the first /v2/', 'wallMs'), atMost: MOST_SECONDS },
      { ...figure('its processor time until then', 'processorMs'), atMostOfFloor: MOST_OF_NODE },
    ];
  },
};
