import { Storage } from '@google-cloud/storage';
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bucketClient } from '../../../functions/storage/gcs/client.ts';
import { objectKey, type ObjectKey } from '../../../functions/storage/object-key.ts';
import { publicUrls } from '../../../functions/storage/gcs/signed-url.ts';
import { keySigner, readSigningKey, SigningKeyError } from '../../../functions/storage/gcs/key-signer.ts';
import { keylessSigner } from '../../../functions/storage/gcs/keyless-signer.ts';
import { SigningError } from '../../../functions/storage/url-signer.ts';
import { GET_ACCESS_TOKEN, SIGN_BLOB } from '../../support/bucket/access.ts';
import { unavailable } from '../../support/bucket/faults.ts';
import { type BucketDouble, environmentOf, startBucket } from '../../support/bucket/server.ts';
import { request } from '../../support/http/request.ts';

const KEY = objectKey('layers', 'a'.repeat(64));
const CONTENT = 'the layer';

let double: BucketDouble;
let scratch: string;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'signing-'));
  double = await startBucket();
  double.objects.put(KEY, [Buffer.from(CONTENT)], {}, {});
  Object.assign(process.env, environmentOf(double));
});
after(async () => {
  await double[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

const settings = () => ({ bucket: double.bucket, endpoint: double.endpoint, nowMs: double.nowMs });

function signerWithKey() {
  const { privateKey, account } = double.signer;
  return keySigner(settings(), { key: createPrivateKey(privateKey), account });
}

async function get(url: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(url, init);
  return { status: response.status, text: await response.text() };
}

describe('a URL signed with a key', () => {
  it('is what the client library signs, byte for byte, for any name and time', async () => {
    const { privateKey, account } = double.signer;
    const key = createPrivateKey(privateKey);
    // The library refuses to sign for times that are over.
    const nowS = Math.ceil(Date.now() / 1000);
    const names = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      // The library's way to make a URL swallows such segments; no store has such names.
      .filter((name) => name.isWellFormed() && !name.split('/').some((segment) => /^\.{1,2}$/.test(segment)));
    for (const endpoint of ['https://storage.googleapis.com', double.endpoint]) {
      const library = new Storage({
        apiEndpoint: endpoint,
        projectId: 'unused',
        credentials: { client_email: account, private_key: privateKey },
      });
      await fc.assert(
        fc.asyncProperty(names, fc.integer({ min: nowS, max: nowS * 2 }), async (name, second) => {
          const nowMs = second * 1000;
          const signer = keySigner({ bucket: 'b', endpoint, nowMs: () => nowMs + 999 }, { key, account });
          const [expected] = await library
            .bucket('b')
            .file(name)
            .getSignedUrl({
              version: 'v4',
              action: 'read',
              accessibleAt: nowMs,
              expires: nowMs + 300_000,
            });
          assert.equal(await signer.urlOf(name as ObjectKey), expected);
        }),
        {
          numRuns: 60,
          examples: [['layers/a b+c~d!e\'f(g)h*i&j=k?l#m%n/o//p:q@r$s,t;u[v]w|x\\y"z<é>日本\u{1f600}', nowS]],
        },
      );
    }
  });

  it('is made once for all who ask within one second, and anew in the next', async () => {
    let nowMs = 1_700_000_000_000;
    const signer = keySigner(
      { ...settings(), nowMs: () => nowMs },
      { key: createPrivateKey(double.signer.privateKey), account: 'a@b' },
    );
    const first = await signer.urlOf(KEY);
    assert.notEqual(await signer.urlOf(objectKey('layers', 'other')), first);
    nowMs += 999;
    assert.equal(signer.urlOf(KEY), first, 'at once');
    nowMs += 1;
    const next = await signer.urlOf(KEY);
    assert.match(next, /X-Goog-Date=20231114T221321Z/);
    assert.notEqual(next, first);
  });

  it('gets the object, and a part of it, without other credentials', async () => {
    const url = await signerWithKey().urlOf(KEY);
    assert.deepEqual(await get(url), { status: 200, text: CONTENT });
    assert.deepEqual(await get(url, { headers: { Range: 'bytes=4-8' } }), { status: 206, text: 'layer' });
  });

  it('is refused when one character of it is another', async () => {
    const url = await signerWithKey().urlOf(KEY);
    // Scheme and port lead elsewhere; the host is in another test.
    const path = url.slice(double.endpoint.length);
    const status = async (target: string) => (await request(double.endpoint, 'GET', target)).status;
    const other = (one: string) => (one === '0' ? '1' : one === 'a' ? 'b' : /[0-9]/.test(one) ? '0' : 'a');
    const changed: string[] = [];
    for (let at = 1; at < path.length; at++) {
      const one = path.charAt(at);
      for (const instead of new Set([other(one), one.toUpperCase(), one.toLowerCase()])) {
        if (instead !== one) changed.push(`${path.slice(0, at)}${instead}${path.slice(at + 1)}`);
      }
    }
    assert.ok(changed.length > 800);
    for (const one of changed) assert.ok([400, 403, 404].includes(await status(one)), one);
    for (const one of [path.slice(0, -1), path.slice(0, -2), `${path}0`, `${path}&a=b`, path.replace('?', '?a=b&')]) {
      assert.ok([400, 403].includes(await status(one)), one);
    }
    assert.equal(await status(path), 200);
  });

  it('is refused for another method, at another host, and without its signature', async () => {
    const url = await signerWithKey().urlOf(KEY);
    for (const method of ['HEAD', 'PUT', 'DELETE', 'POST']) {
      assert.equal((await get(url, { method })).status, 403, method);
    }
    assert.equal((await get(url.replace('//localhost:', '//127.0.0.1:'))).status, 403);
    assert.match((await get(url.slice(0, url.indexOf('?')))).text, /AccessDenied/);
    assert.deepEqual((await get(url)).status, 200);
  });

  it('is refused with the key of somebody else', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const url = await keySigner(settings(), { key: privateKey, account: double.signer.account }).urlOf(KEY);
    assert.match((await get(url)).text, /SignatureDoesNotMatch/);
  });

  it('is refused after five minutes', async () => {
    const url = await signerWithKey().urlOf(KEY);
    double.advanceMs(298_000);
    assert.equal((await get(url)).status, 200);
    double.advanceMs(2_000);
    const late = await get(url);
    assert.equal(late.status, 400);
    assert.match(late.text, /ExpiredToken/);
    assert.equal((await get(await signerWithKey().urlOf(KEY))).status, 200);
  });

  it('is refused when its account may not read', async () => {
    const url = await signerWithKey().urlOf(KEY);
    double.access.revoke(double.signer.account, ['storage.objects.get']);
    assert.equal((await get(url)).status, 403);
    double.access.grant(double.signer.account, ['storage.objects.get']);
  });
});

describe('a signing key', () => {
  const account = 'signer@team.iam.gserviceaccount.com';
  async function file(content: string): Promise<string> {
    const path = join(scratch, `key-${Math.random()}`);
    await writeFile(path, content);
    return path;
  }
  const pem = (passphrase?: string) =>
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
      ...(passphrase !== undefined && { cipher: 'aes-256-cbc', passphrase }),
    }) as string;

  it('is read from PEM, or from the JSON of an account, which names the account', async () => {
    const key = pem();
    assert.equal((await readSigningKey(await file(key), account)).account, account);
    const json = await file(JSON.stringify({ type: 'service_account', client_email: account, private_key: key }));
    assert.equal((await readSigningKey(json, undefined)).account, account);
    assert.equal((await readSigningKey(json, 'other@team')).account, 'other@team');
  });

  it('is refused when it cannot be used, with the reason and nothing of the key', async () => {
    const secret = pem();
    const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const cases: [string, string | undefined, RegExp][] = [
      [join(scratch, 'absent'), account, /cannot be read: ENOENT/],
      [scratch, account, /cannot be read: EISDIR/],
      [await file('nothing of the kind'), account, /is not a private key in PEM/],
      [await file(''), account, /is not a private key in PEM/],
      [await file(secret.slice(0, 300)), account, /is not a private key in PEM/],
      [await file(pem('secret')), account, /is encrypted/],
      [await file(ed25519), account, /is a key for ed25519: Cloud Storage takes RSA/],
      [await file(secret), undefined, /does not name its account: set GCS_SIGNING_ACCOUNT/],
      [await file(`{"private_key": "${secret}`), account, /is not JSON/],
      [await file('{"type": "authorized_user"}'), account, /has no private_key/],
      [await file(JSON.stringify({ private_key: 'x', client_email: account })), undefined, /is not a private key/],
    ];
    for (const [path, signer, reason] of cases) {
      await assert.rejects(readSigningKey(path, signer), (error) => {
        assert.ok(error instanceof SigningKeyError);
        assert.match(error.message, /^GCS_SIGNING_KEY: /);
        assert.match(error.message, reason);
        assert.ok(!error.message.includes(secret.slice(40, 60)));
        return true;
      });
    }
  });
});

describe('a URL signed through the IAM API', () => {
  async function keyless(account = double.account) {
    const { auth } = await bucketClient(double.bucket, { apiEndpoint: double.endpoint });
    return keylessSigner({ ...settings(), iamEndpoint: double.endpoint }, auth, account);
  }
  const calls = (part: string) => double.requests.filter(({ target }) => target.includes(part)).length;

  it('gets the object', async () => {
    const signer = await keyless();
    assert.deepEqual(await get(await signer.urlOf(KEY)), { status: 200, text: CONTENT });
  });

  it('costs one call for each object, however many ask, and one token for all', async () => {
    const signer = await keyless();
    const [before, tokens] = [calls(':signBlob'), calls('/token')];
    const others = Array.from({ length: 5 }, (_, index) => objectKey('layers', `other${index}`));
    const urls = await Promise.all([KEY, KEY, KEY, ...others, KEY].map(async (key) => signer.urlOf(key)));
    assert.equal(new Set(urls).size, 6);
    assert.equal(calls(':signBlob') - before, 6);
    assert.equal(calls('/token') - tokens, 1);
  });

  it('is handed out again while four of its five minutes are left', async () => {
    const signer = await keyless();
    const first = await signer.urlOf(KEY);
    double.advanceMs(58_000);
    assert.equal(await signer.urlOf(KEY), first);
    double.advanceMs(3_000);
    const second = await signer.urlOf(KEY);
    assert.notEqual(second, first);
    assert.equal((await get(second)).status, 200);
  });

  it('of the day before the clock was put back is not handed out', async () => {
    const signer = await keyless();
    double.advanceMs(86_400_000);
    const ahead = await signer.urlOf(KEY);
    double.advanceMs(-86_400_000);
    const second = await signer.urlOf(KEY);
    assert.notEqual(second, ahead);
    assert.equal((await get(second)).status, 200);
  });

  it('is asked for again after a failure of the moment, and after one that lasted', async () => {
    const signer = await keyless();
    const signBlob = ({ path }: { path: string }) => path.includes(':signBlob');
    double.addFault({ when: signBlob, times: 2, fault: unavailable() });
    assert.equal((await get(await signer.urlOf(KEY))).status, 200);
    const other = objectKey('layers', 'b');
    double.addFault({ when: signBlob, times: 4, fault: unavailable() });
    await assert.rejects(async () => signer.urlOf(other), SigningError);
    assert.match(await signer.urlOf(other), /X-Goog-Signature=/);
  });

  it('is refused without the right, with the role and both accounts', async () => {
    const signer = await keyless(double.signer.account);
    await assert.rejects(
      async () => signer.urlOf(KEY),
      (error) => {
        assert.ok(error instanceof SigningError);
        const { account, signer: other } = double;
        assert.ok(
          error.message.includes(`Grant ${account} a role with iam.serviceAccounts.signBlob on ${other.account}`),
          error.message,
        );
        assert.ok(!JSON.stringify([error, error.cause]).includes('ya29.'));
        return true;
      },
    );
    double.access.grant(double.account, [`${SIGN_BLOB} ${double.signer.account}`]);
    assert.equal((await get(await signer.urlOf(KEY))).status, 200);
  });

  it('needs the right to sign alone, which gives no access tokens; and a right to those does not sign', async () => {
    await using strict = await startBucket();
    const { account, access, endpoint } = strict;
    const ask = async (what: string) => {
      const response = await fetch(`${endpoint}/v1/projects/-/serviceAccounts/${account}:${what}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${access.issueToken(account).token}` },
        body: JSON.stringify({ payload: '', scope: ['https://www.googleapis.com/auth/cloud-platform'] }),
      });
      return response.status;
    };
    assert.deepEqual([await ask('signBlob'), await ask('generateAccessToken')], [200, 403]);
    access.revoke(account, [`${SIGN_BLOB} ${account}`]);
    access.grant(account, [`${GET_ACCESS_TOKEN} ${account}`]);
    assert.deepEqual([await ask('signBlob'), await ask('generateAccessToken')], [403, 200]);
  });
});

describe('a public URL', () => {
  it('is the address of the object', async () => {
    const signer = publicUrls({ bucket: 'team', endpoint: 'https://storage.googleapis.com' });
    assert.equal(await signer.urlOf(KEY), `https://storage.googleapis.com/team/${KEY}`);
  });
});
