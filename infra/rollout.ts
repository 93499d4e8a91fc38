import type { CloudRun, TeamService } from './cloud-run.ts';
import type { Smoke, SmokePull } from './smoke.ts';

/** A rollout stopped before any request reached the new image, unless the message says otherwise. */
export class RolloutError extends Error {
  readonly code = 'ROLLOUT';
  override readonly name = 'RolloutError';
}

export interface Rollout {
  /** By digest, so that what was tested is what is deployed. */
  readonly image: string;
  /** The commit that it was built from: 7 to 40 hexadecimal digits. */
  readonly commit: string;
  /** What is pulled from each team's new revision. */
  readonly smokeImage: string;
}

/** How long one team's image may take: a package set that nobody asked for yet is fetched and evaluated. */
const SMOKE_TIMEOUT_MS = 15 * 60 * 1000;
/** Tags of rollouts begin so; others are people's. */
const TAG = /^c-[0-9a-f]{7,12}$/;

/**
 * Rolls an image out to every team, or to none: first each service has a revision without requests, then an image was
 * pulled from each of these, and only then requests go to them. A team whose endpoint cannot be reached from outside has
 * passed its own start check, which asks the bucket.
 *
 * @param say is told each step
 * @throws RolloutError
 */
export async function rollOut(
  { image, commit, smokeImage }: Rollout,
  cloud: CloudRun,
  pull: (what: SmokePull) => Promise<Smoke>,
  say: (line: string) => void,
): Promise<void> {
  if (!/@sha256:[0-9a-f]{64}$/.test(image)) throw new RolloutError(`${image} is not named by its digest`);
  if (!/^[0-9a-f]{7,40}$/.test(commit)) throw new RolloutError(`${JSON.stringify(commit)} is no commit`);
  const tag = `c-${commit.slice(0, 12)}`;
  const services = await cloud.listServices();
  if (services.length === 0)
    throw new RolloutError('there is no service to roll out to: apply the configuration first');

  const deployed: TeamService[] = [];
  for (const service of services) {
    say(`${service.team}: a revision of ${service.name} in ${service.region}, without requests`);
    deployed.push(await cloud.deploy(service, image, tag));
  }

  const failures: string[] = [];
  for (const service of deployed) {
    try {
      say(`${service.team}: ${await smokeOf(service)}`);
    } catch (error) {
      failures.push(`${service.team}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (failures.length > 0) throw new RolloutError(`requests stay where they were:\n${failures.join('\n')}`);

  const moved: string[] = [];
  for (const service of deployed) {
    const ended = service.traffic.flatMap((one) => (one.tag !== undefined && TAG.test(one.tag) ? [one.tag] : []));
    try {
      await cloud.moveTraffic(service, ended);
    } catch (cause) {
      const which = moved.length === 0 ? 'no team' : moved.join(', ');
      throw new RolloutError(`${service.team} was not moved; ${which} was`, { cause });
    }
    moved.push(service.team);
    say(`${service.team}: all requests go to ${service.latestRevision}. Back: ${wayBack(service)}`);
  }

  async function smokeOf(service: TeamService): Promise<string> {
    const { team, traffic, latestRevision } = service;
    const tagged = traffic.find((one) => one.tag === tag);
    if (tagged?.revision !== latestRevision) {
      throw new RolloutError(
        `${tag} is at ${tagged?.revision ?? 'no revision'} and not at ${latestRevision}, the latest`,
      );
    }
    if (tagged.url === undefined) throw new RolloutError(`${tag} has no URL`);
    if (!service.hasCredentials) return `${latestRevision} is ready; it cannot be pulled from outside`;
    const login = (await cloud.readSecret(`nixery-${team}-smoke`)).trim();
    const signal = AbortSignal.timeout(SMOKE_TIMEOUT_MS);
    const { digest, blobs, bytes } = await pull({ endpoint: tagged.url, image: smokeImage, login, signal });
    return `pulled ${smokeImage} (${digest}, ${blobs} blobs, ${bytes} bytes) from ${latestRevision}`;
  }
}

/** The command that sends requests to where they went before. */
function wayBack({ name, region, traffic }: TeamService): string {
  const before = traffic.filter(({ percent }) => percent > 0);
  const revisions = before.map(({ revision, percent }) => `${revision ?? 'LATEST'}=${percent}`).join(',');
  return `gcloud run services update-traffic ${name} --region=${region} --to-revisions=${revisions}`;
}
