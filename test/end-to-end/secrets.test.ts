import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { unavailable } from '../support/bucket/faults.ts';
import { environmentOf, startBucket } from '../support/bucket/server.ts';
import { basic, writeCredentials } from '../support/credentials.ts';
import { fixturePackages } from '../support/nix.ts';
import { startRegistry } from '../support/service/registry-process.ts';
import { request } from '../support/http/request.ts';
import { personInfo, tokenInfoDouble } from '../support/token-info.ts';

/** A private registry over a bucket meets what goes wrong: nothing that it prints or answers tells a secret. */

const TOKEN = 'nixery_secret-of-ci';

describe('the secrets of a registry', () => {
  it('are in no log, no answer and no message of a crash', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'nixery-secrets-'));
    await using bucket = await startBucket();
    await using google = await tokenInfoDouble();
    google.tokens.set('ya29.secret-of-bob', personInfo('bob@example.com'));
    google.tokens.set('ya29.secret-of-eve', personInfo('eve@example.org'));
    google.tokens.set('ya29.secret-in-trouble', { status: 500, body: { error: 'ya29.secret-in-trouble' } });
    const [file, key] = [join(scratch, 'credentials.json'), join(scratch, 'key.pem')];
    await writeCredentials(file, { ci: [{ token: TOKEN }] });
    await writeFile(key, bucket.signer.privateKey);
    const env = {
      ...environmentOf(bucket),
      NIXERY_PKGS_PATH: fixturePackages,
      NIXERY_CREDENTIALS: file,
      NIXERY_GOOGLE_ALLOW: '@example.com',
      GOOGLE_TOKENINFO_ENDPOINT: google.endpoint,
      GCS_SIGNING_KEY: key,
      GCS_SIGNING_ACCOUNT: bucket.signer.account,
    };
    /** Everything that somebody without a right to it may see. */
    const seen: string[] = [];
    const signatures: string[] = [];
    try {
      {
        await using registry = await startRegistry(env);
        const ask = async (path: string, headers: Record<string, string> = basic('ci', TOKEN), method = 'GET') => {
          const answer = await request(registry.origin, method, path, headers);
          const { location, ...others } = answer.headers;
          seen.push(JSON.stringify(others), answer.body.toString('latin1'));
          const signature = /X-Goog-Signature=([0-9a-f]+)/.exec(location ?? '')?.[1];
          // Who asked with right credentials gets the address.
          if (signature === undefined) seen.push(location ?? '');
          else signatures.push(signature);
          return answer;
        };
        const manifest = await ask('/v2/greet/manifests/latest');
        assert.equal(manifest.status, 200, manifest.body.toString());
        const { layers } = JSON.parse(manifest.body.toString()) as { layers: { digest: string }[] };
        for (const { digest } of layers) assert.equal((await ask(`/v2/greet/blobs/${digest}`)).status, 303);
        for (const [user, password, status] of [
          ['ci', 'nixery_secret-but-wrong', 401],
          [TOKEN, 'swapped', 401],
          ['oauth2accesstoken', 'ya29.secret-of-bob', 200],
          ['oauth2accesstoken', 'ya29.secret-of-eve', 401],
          ['oauth2accesstoken', 'ya29.secret-of-nobody', 401],
          ['oauth2accesstoken', 'ya29.secret-in-trouble', 503],
        ] as const) {
          assert.equal((await ask('/v2/', basic(user, password))).status, status, user);
        }
        await ask('/v2/fails/manifests/latest');
        await ask(`/v2/greet/manifests/latest?token=${TOKEN}`, {});
        // The bucket refuses the account, which is an error with a request in it, and in that a token.
        bucket.addFault({ times: 50, when: ({ path }) => path.includes('/o/'), fault: unavailable(403) });
        const failed = await ask('/v2/several/manifests/latest');
        assert.ok(failed.status >= 500, `${failed.status} ${failed.body.toString()}`);
        bucket.clearFaults();
        await writeFile(file, `{"users": ${TOKEN}`);
        while (!registry.log.some(({ path, severity }) => path === file && severity === 'ERROR')) {
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        seen.push(registry.printed());
      }
      // What a start prints that fails.
      for (const wrong of [{ GCS_SIGNING_KEY: file }, { GCS_SIGNING_ACCOUNT: TOKEN }, {}]) {
        const failure = await startRegistry({ ...env, ...wrong }).then(
          () => assert.fail('it started'),
          (error: unknown) => String(error),
        );
        seen.push(failure);
      }
    } finally {
      await rm(scratch, { recursive: true });
    }

    assert.ok(signatures.length > 0);
    const text = seen.join('\n');
    assert.match(text, /"message":"pull".*"message":"login failed"/s);
    const keyLines = bucket.signer.privateKey.split('\n').filter((line) => line.length > 20 && !line.includes('---'));
    assert.ok(keyLines.length > 10);
    for (const secret of [
      ...[TOKEN, 'secret-but-wrong', 'secret-of-', 'secret-in-trouble', 'ya29.'],
      ...[basic('ci', TOKEN)['Authorization'] ?? '', Buffer.from(TOKEN).toString('base64')],
      ...['PRIVATE KEY', ...keyLines, 'X-Goog-Signature', ...signatures, 'Bearer '],
    ]) {
      assert.ok(
        !text.includes(secret),
        `${secret.slice(0, 30)}: ${text.slice(text.indexOf(secret) - 300).slice(0, 400)}`,
      );
    }
  });
});
