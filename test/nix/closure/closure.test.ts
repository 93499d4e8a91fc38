import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { closureOf, closureQuery, waitingClosureQuery } from '../../../functions/nix/closure/closure.ts';
import { bytesOfNix32 } from '../../../functions/nix/closure/nix32.ts';
import { run } from '../../../functions/nix/process/process.ts';
import { ProcessError } from '../../../functions/nix/process-error.ts';
import { serveClient } from '../../../functions/nix/closure/serve-protocol.ts';
import { parseStorePath, type StorePath } from '../../../functions/nix/store-path.ts';
import { temporaryFolder } from '../../layer/fixture.ts';
import { nix } from '../../support/nix.ts';

const inNix = (...args: readonly string[]) => run('nix-store', args, { env: nix.environment });

async function storedPath(name: string): Promise<StorePath> {
  const text = await run(
    'nix-instantiate',
    ['--eval', '--json', '--read-write-mode', '--expr', `builtins.toFile "${name}" "text of ${name}"`],
    { env: nix.environment },
  );
  const path = parseStorePath(JSON.parse(text) as string);
  assert.ok(path !== undefined, text);
  return path;
}

/** A PATH with another `nix-store`: one that never answers, or what a script says. */
function otherNix(script = 'exec sleep 86400'): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'nix-store'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return `${folder}:${nix.environment['PATH'] ?? ''}`;
}

describe('the closure of store paths', () => {
  it("is what Nix's own commands say", async () => {
    const path = await storedPath('alone');
    const other = await storedPath('other');
    const closure = await closureOf(nix, [path, other]);
    assert.deepEqual(
      closure?.map((one) => one.path),
      [path, other].sort(),
    );
    const [hash, sizeBytes] = await Promise.all([inNix('--query', '--hash', path), inNix('--query', '--size', path)]);
    const sri = await run('nix-hash', ['--type', 'sha256', '--to-base16', hash.replace('sha256:', '')], {
      env: nix.environment,
    });
    const found = closure.find((one) => one.path === path);
    assert.equal(found?.narHash, `sha256-${Buffer.from(sri, 'hex').toString('base64')}`);
    assert.equal(found.narSizeBytes, Number(sizeBytes));
    assert.deepEqual(found.references, []);
  });

  it('is unknown when one of them is not there', async () => {
    const absent = parseStorePath(`/nix/store/${'0'.repeat(32)}-absent`);
    assert.ok(absent !== undefined);
    assert.equal(await closureOf(nix, [await storedPath('alone'), absent]), undefined);
  });

  it('may be asked for later, or never', async () => {
    const path = await storedPath('alone');
    const asked = closureQuery(nix);
    const never = closureQuery(nix);
    await never.close();
    await assert.rejects(never.closureOf([path]));
    assert.equal((await asked.closureOf([path]))?.length, 1);
    await asked.close();
  });

  it('may be asked of a process that was there before the call', async () => {
    const path = await storedPath('alone');
    const waiting = waitingClosureQuery(nix);
    assert.equal(waiting.hasEnded(), false);
    const query = waiting.forCall({ timeoutMs: 60_000 });
    assert.equal((await query.closureOf([path]))?.length, 1);
    await query.close();
    assert.equal(waiting.hasEnded(), true);
  });

  it('ends such a process with the call, or when that took too long', async () => {
    const path = await storedPath('alone');
    const aborted = waitingClosureQuery(nix);
    await assert.rejects(aborted.forCall({ signal: AbortSignal.abort() }).closureOf([path]), { failure: 'aborted' });
    const slow = waitingClosureQuery({ ...nix, environment: { ...nix.environment, PATH: otherNix() } });
    await assert.rejects(slow.forCall({ timeoutMs: 200 }).closureOf([path]), { failure: 'timeout' });
    for (const one of [aborted, slow]) {
      await one.close();
      assert.equal(one.hasEnded(), true);
    }
  });

  it('does not wait for such a process when nobody asks it', { timeout: 60_000 }, async () => {
    const slow = waitingClosureQuery({ ...nix, environment: { ...nix.environment, PATH: otherNix() } });
    const query = slow.forCall({ signal: AbortSignal.abort() });
    await query.close();
    assert.equal(slow.hasEnded(), true);
  });

  it('is asked of another process when such a one breaks', async () => {
    const path = await storedPath('alone');
    const real = await run('sh', ['-c', 'command -v nix-store'], { env: nix.environment });
    const once = join(temporaryFolder(), 'once');
    const script = `if mkdir '${once}'; then head -c 4 >/dev/null; exit 1; fi; exec '${real}' "$@"`;
    const breaking = { ...nix, environment: { ...nix.environment, PATH: otherNix(script) } };
    const waiting = waitingClosureQuery(breaking);
    assert.equal((await waiting.forCall({}).closureOf([path]))?.length, 1);
    assert.ok(existsSync(once));
    await waiting.close();
  });

  it('is not to be had without Nix', async () => {
    const nowhere = { ...nix, environment: { PATH: '/nowhere' } };
    await assert.rejects(closureOf(nowhere, [await storedPath('alone')]), (error) => {
      assert.ok(error instanceof ProcessError);
      assert.equal(error.failure, 'not-found');
      return true;
    });
  });

  it('ends with the call', async () => {
    const over = new AbortController();
    const query = closureQuery(nix, { signal: over.signal });
    over.abort();
    await assert.rejects(query.closureOf([await storedPath('alone')]), { failure: 'aborted' });
    await query.close();
  });
});

describe("Nix's base 32", () => {
  it('is read', () => {
    const empty = bytesOfNix32('0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73', 32);
    assert.equal(empty?.toString('base64'), '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
  });

  it('is refused when it is something else', () => {
    assert.equal(bytesOfNix32('0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c7', 32), undefined);
    assert.equal(bytesOfNix32('emdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73', 32), undefined);
    // 52 characters are 260 bits: four of the first must be zero.
    assert.equal(bytesOfNix32(`z${'0'.repeat(51)}`, 32), undefined);
  });
});

describe('what nix-store --serve says', () => {
  const words = (...numbers: readonly bigint[]) => {
    const bytes = Buffer.alloc(numbers.length * 8);
    for (const [index, number] of numbers.entries()) bytes.writeBigUInt64LE(number, index * 8);
    return bytes;
  };
  function saying(said: Buffer) {
    let at = 0;
    return serveClient({
      write: () => undefined,
      read: (bytes) => Promise.resolve(said.subarray(at, (at += bytes))),
    });
  }

  it('is refused when it is another protocol, or an older version', async () => {
    await assert.rejects(saying(words(1n, 0x205n)).closure([]), /another protocol/);
    await assert.rejects(saying(words(0x5452eecbn, 0x202n)).closure([]), /version 2\.2/);
    await assert.rejects(saying(words(0x5452eecbn, 0x305n)).closure([]), /version 3\.5/);
    assert.deepEqual(await saying(words(0x5452eecbn, 0x207n, 0n)).closure([]), []);
  });

  it('takes no memory without measure', async () => {
    await assert.rejects(saying(words(0x5452eecbn, 0x205n, 1n, 1n << 40n)).closure([]), /a string of/);
    await assert.rejects(saying(words(0x5452eecbn, 0x205n, 1n << 60n)).closure([]), /a number was to come/);
  });
});
