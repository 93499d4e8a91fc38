import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CloudRun, TeamService } from '../../infra/cloud-run.ts';
import { rollOut, RolloutError } from '../../infra/rollout.ts';
import { SmokeError, type SmokePull } from '../../infra/smoke.ts';
import { digestOfBytes } from '../../functions/oci/digest.ts';

const DIGEST = digestOfBytes('an image');
const ROLLOUT = { image: `registry.example/nixery-run@${DIGEST}`, commit: '0123456789abcdef'.repeat(3).slice(0, 40) };
const WANTED = { ...ROLLOUT, smokeImage: 'hello' };
const TAG = 'c-0123456789ab';

function service(team: string, more: Partial<TeamService> = {}): TeamService {
  return {
    name: `nixery-${team}`,
    region: 'europe-west1',
    team,
    hasCredentials: true,
    latestRevision: `nixery-${team}-00001`,
    traffic: [{ revision: `nixery-${team}-00001`, percent: 100, tag: undefined, url: undefined }],
    ...more,
  };
}

/** Cloud Run with these services; what is done is in `events`, in order. */
function cloudWith(services: readonly TeamService[], { onMove }: { onMove?: (team: string) => void } = {}) {
  const events: string[] = [];
  const cloud: CloudRun = {
    listServices: () => Promise.resolve(services),
    deploy(before, image, tag) {
      events.push(`deploy ${before.team} ${image} ${tag}`);
      const latestRevision = `${before.name}-00002`;
      const tagged = { revision: latestRevision, percent: 0, tag, url: `https://${tag}---${before.name}.example` };
      return Promise.resolve({ ...before, latestRevision, traffic: [...before.traffic, tagged] });
    },
    moveTraffic({ team }, ended) {
      onMove?.(team);
      events.push(`move ${team} without ${ended.join()}`);
      return Promise.resolve();
    },
    readSecret: (name) => Promise.resolve(`smoke:token-of-${name}\n`),
  };
  const pulls: Omit<SmokePull, 'signal'>[] = [];
  const pull = ({ endpoint, image, login }: SmokePull) => {
    pulls.push({ endpoint, image, login });
    events.push(`pull ${endpoint}`);
    return Promise.resolve({ digest: DIGEST, blobs: 3, bytes: 1000 });
  };
  return { events, cloud, pull, pulls };
}

const quiet = () => undefined;

describe('a rollout', () => {
  it('deploys everywhere, then pulls everywhere, then moves requests', async () => {
    const { events, cloud, pull, pulls } = cloudWith([service('a'), service('b')]);
    const said: string[] = [];
    await rollOut(WANTED, cloud, pull, (line) => said.push(line));
    assert.deepEqual(events, [
      `deploy a ${WANTED.image} ${TAG}`,
      `deploy b ${WANTED.image} ${TAG}`,
      `pull https://${TAG}---nixery-a.example`,
      `pull https://${TAG}---nixery-b.example`,
      `move a without ${TAG}`,
      `move b without ${TAG}`,
    ]);
    assert.deepEqual(
      pulls.map(({ image, login }) => [image, login]),
      [
        ['hello', 'smoke:token-of-nixery-a-smoke'],
        ['hello', 'smoke:token-of-nixery-b-smoke'],
      ],
    );
    const back = 'gcloud run services update-traffic nixery-a --region=europe-west1 --to-revisions=nixery-a-00001=100';
    assert.ok(
      said.some((line) => line.endsWith(back)),
      said.join('\n'),
    );
  });

  it('moves no request of any team when one pull fails', async () => {
    const { events, cloud, pull } = cloudWith([service('a'), service('b')]);
    const failing = (what: SmokePull) =>
      what.endpoint.includes('nixery-b') ? Promise.reject(new SmokeError('GET /v2/ is 503')) : pull(what);
    await assert.rejects(rollOut(WANTED, cloud, failing, quiet), /stay where they were:\nb: GET \/v2\/ is 503/);
    assert.ok(!events.some((event) => event.startsWith('move')));
  });

  it('moves no request when a revision does not become ready', async () => {
    const { events, cloud, pull } = cloudWith([service('a'), service('b')]);
    const broken: CloudRun = {
      ...cloud,
      deploy: (before, ...rest) =>
        before.team === 'b' ? Promise.reject(new Error('not ready')) : cloud.deploy(before, ...rest),
    };
    await assert.rejects(rollOut(WANTED, broken, pull, quiet), /not ready/);
    assert.deepEqual(events, [`deploy a ${WANTED.image} ${TAG}`]);
  });

  it('does not move requests to a revision that it did not pull from', async () => {
    const { events, cloud, pull } = cloudWith([service('a')]);
    const overtaken: CloudRun = {
      ...cloud,
      deploy: async (...args) => ({ ...(await cloud.deploy(...args)), latestRevision: 'nixery-a-00003' }),
    };
    await assert.rejects(rollOut(WANTED, overtaken, pull, quiet), /not at nixery-a-00003, the latest/);
    assert.ok(!events.some((event) => event.startsWith('move')));
  });

  it('does not pull from an endpoint that cannot be reached from outside, which has checked itself', async () => {
    const { events, cloud, pull } = cloudWith([service('a', { hasCredentials: false })]);
    await rollOut(WANTED, cloud, pull, quiet);
    assert.deepEqual(
      events.map((event) => event.split(' ')[0]),
      ['deploy', 'move'],
    );
  });

  it('ends the tags of earlier rollouts and leaves those of people', async () => {
    const tagged = (tag: string) => ({ revision: 'r', percent: 0, tag, url: 'https://x.example' });
    const { events, cloud, pull } = cloudWith([service('a', { traffic: [tagged('c-abcdef0'), tagged('canary')] })]);
    await rollOut(WANTED, cloud, pull, quiet);
    assert.equal(events.at(-1), `move a without c-abcdef0,${TAG}`);
  });

  it('says which teams were moved when it stops between them', async () => {
    const { cloud, pull } = cloudWith([service('a'), service('b'), service('c')], {
      onMove: (team) => {
        if (team === 'b') throw new Error('quota');
      },
    });
    await assert.rejects(rollOut(WANTED, cloud, pull, quiet), (error) => {
      assert.ok(error instanceof RolloutError);
      assert.equal(error.message, 'b was not moved; a was');
      return true;
    });
  });

  it('takes no image but by digest, no commit that is none, and no project without services', async () => {
    const { events, cloud, pull } = cloudWith([]);
    const cases: readonly [Partial<typeof WANTED>, RegExp][] = [
      [{ image: 'registry.example/nixery-run:current' }, /not named by its digest/],
      [{ commit: '' }, /"" is no commit/],
      [{}, /no service to roll out to/],
    ];
    for (const [wrong, message] of cases) {
      await assert.rejects(rollOut({ ...WANTED, ...wrong }, cloud, pull, quiet), message);
    }
    assert.deepEqual(events, []);
  });
});
