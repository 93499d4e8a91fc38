import { execa } from 'execa';
import { z } from 'zod';

/** A team's service, as it is now. */
export interface TeamService {
  readonly name: string;
  readonly region: string;
  readonly team: string;
  /** Whether pulls need a user and a token. Without, it is reached from inside the project's networks alone. */
  readonly hasCredentials: boolean;
  readonly latestRevision: string;
  readonly traffic: readonly Traffic[];
}

/** Where a service's requests go: a share of them, those to a tag's URL, or both. */
export interface Traffic {
  readonly revision: string | undefined;
  readonly percent: number;
  readonly tag: string | undefined;
  readonly url: string | undefined;
}

/** What a rollout asks of Google, through gcloud. */
export interface CloudRun {
  /** All services that Terraform made for teams, in order. */
  listServices(): Promise<readonly TeamService[]>;
  /** Gives a service a revision that no request reaches but those to the tag's URL, and waits until it is ready. */
  deploy(service: TeamService, image: string, tag: string): Promise<TeamService>;
  /** All requests go to the latest revision; these tags are no more. */
  moveTraffic(service: TeamService, endedTags: readonly string[]): Promise<void>;
  /** The newest version of a secret. */
  readSecret(name: string): Promise<string>;
}

/** As gcloud prints a service: https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services */
const serviceSchema = z
  .object({
    metadata: z.object({
      name: z.string(),
      labels: z.object({
        team: z.string(),
        credentials: z.enum(['true', 'false']),
        'cloud.googleapis.com/location': z.string(),
      }),
    }),
    status: z.object({
      latestCreatedRevisionName: z.string(),
      traffic: z
        .array(
          z.object({
            revisionName: z.string().optional(),
            percent: z.number().default(0),
            tag: z.string().optional(),
            url: z.string().optional(),
          }),
        )
        .default([]),
    }),
  })
  .transform(({ metadata: { name, labels }, status }): TeamService => ({
    name,
    region: labels['cloud.googleapis.com/location'],
    team: labels.team,
    hasCredentials: labels.credentials === 'true',
    latestRevision: status.latestCreatedRevisionName,
    traffic: status.traffic.map(({ revisionName: revision, percent, tag, url }) => ({ revision, percent, tag, url })),
  }));

/**
 * @param project the id of the project
 */
export function cloudRun(project: string): CloudRun {
  const gcloud = async (...args: readonly string[]) =>
    (await execa('gcloud', [...args, `--project=${project}`, '--quiet'], { stdin: 'ignore', stderr: 'inherit' }))
      .stdout;
  const json = async (...args: readonly string[]) => JSON.parse(await gcloud(...args, '--format=json')) as unknown;
  const at = ({ name, region }: TeamService) => [name, `--region=${region}`];

  const describe = async (service: TeamService) =>
    serviceSchema.parse(await json('run', 'services', 'describe', ...at(service)));

  return {
    async listServices() {
      const listed = await json('run', 'services', 'list', '--filter=metadata.labels.application=nixery-run');
      return z.array(serviceSchema).parse(listed);
    },
    async deploy(service, image, tag) {
      // With --tag it would name the revision, in the template: Terraform's next change would want that name again.
      await gcloud('run', 'services', 'update', ...at(service), `--image=${image}`, '--no-traffic');
      const { latestRevision } = await describe(service);
      await gcloud('run', 'services', 'update-traffic', ...at(service), `--update-tags=${tag}=${latestRevision}`);
      return describe(service);
    },
    async moveTraffic(service, endedTags) {
      const tags = endedTags.length === 0 ? [] : [`--remove-tags=${endedTags.join(',')}`];
      await gcloud('run', 'services', 'update-traffic', ...at(service), '--to-latest', ...tags);
    },
    readSecret: (name) => gcloud('secrets', 'versions', 'access', 'latest', `--secret=${name}`),
  };
}
