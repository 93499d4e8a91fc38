import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MEMORY } from '../sample/namespace.ts';

const program = join(import.meta.dirname, '../sample/namespace-child.ts');

/** The command lines of all processes that hold a word. */
function processesWith(word: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/cmdline`))
    .flatMap((name) => {
      try {
        const line = readFileSync(`/proc/${name}/cmdline`, 'utf8');
        return line.includes(word) ? [line] : [];
      } catch {
        // It has ended.
        return [];
      }
    });
}

describe('a sample that is ended', () => {
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`by ${signal} leaves no process, no mount and no file`, async () => {
      const word = `nixery-sample-${signal}-${process.pid}`;
      const child = spawn(process.execPath, [program, word], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      assert.match(line, /^mounted \/run\/nixery-sample /, 'it has a file in memory of its own');
      assert.ok(processesWith(word).length > 1);
      assert.deepEqual(readdirSync(MEMORY), [], 'which others do not see');
      child.kill(signal);
      await once(child, 'exit');
      while (processesWith(word).length > 0) await sleep(20);
      assert.doesNotMatch(readFileSync('/proc/self/mounts', 'utf8'), / \/run\/nixery-sample/);
    });
  }
});
