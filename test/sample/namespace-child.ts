/** `node namespace-child.ts WORD`: a sample that mounts, and starts a process with WORD in its name that would never end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runsInNamespace } from './namespace.ts';

if (await runsInNamespace()) {
  writeFileSync(join(tmpdir(), 'file'), '');
  const endless = spawn('sh', ['-c', 'while :; do sleep 1; done', process.argv[2] ?? ''], { detached: true });
  const [mount] = /tmpfs (\/run\/nixery-sample \S+)/.exec(readFileSync('/proc/self/mounts', 'utf8'))?.slice(1) ?? [];
  console.log(`mounted ${mount ?? 'nothing'}`);
  await once(endless, 'exit');
}
