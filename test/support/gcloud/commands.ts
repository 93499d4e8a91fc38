import { parseArgs } from 'node:util';

/** What a project holds, as far as the scripts of `infra/` ask gcloud for it. */
export interface ProjectState {
  readonly buckets: string[];
  /** By name, with their versions. */
  readonly secrets: Record<string, { team: string; kind: string; versions: string[] }>;
  readonly images: string[];
  /** As gcloud prints them. */
  readonly services: CloudRunService[];
  /** Commands that fail, by their beginning. */
  readonly failing: string[];
}

export interface CloudRunService {
  metadata: { name: string; labels: Record<string, string> };
  spec: { image: string };
  status: {
    latestCreatedRevisionName: string;
    traffic: { revisionName?: string; percent?: number; tag?: string; url?: string; latestRevision?: boolean }[];
  };
}

/** A command ends with 1 and this message. */
class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
}

/**
 * A gcloud for one project: as much of it as the scripts of `infra/` use. It refuses the rest.
 *
 * @param input what came in from a pipe
 */
export function gcloud(state: ProjectState, argv: readonly string[], input: string) {
  try {
    return { exitCode: 0, output: run(state, argv, input) };
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return { exitCode: 1, output: `ERROR: (gcloud) ${error.message}` };
  }
}

function run(state: ProjectState, argv: readonly string[], input: string): string {
  const line = argv.join(' ');
  const failing = state.failing.find((beginning) => line.startsWith(beginning));
  if (failing !== undefined) throw new CommandFailure(`${failing}: PERMISSION_DENIED`);

  const { positionals, values } = parseArgs({ args: [...argv], allowPositionals: true, strict: false });
  const flag = (name: string) => (typeof values[name] === 'string' ? values[name] : '');
  const last = positionals.at(-1) ?? '';
  const notFound = (): never => {
    throw new CommandFailure(`${last} not found: 404`);
  };
  const secret = (name: string) => state.secrets[name] ?? notFound();
  const service = () => state.services.find(({ metadata }) => metadata.name === last) ?? notFound();

  switch (positionals.slice(0, positionals.length - (/ (list|enable|submit)\b/.test(line) ? 0 : 1)).join(' ')) {
    case 'storage buckets describe':
    case 'storage buckets update':
      return state.buckets.includes(last) ? last : notFound();
    case 'storage buckets create':
      state.buckets.push(last);
      return '';
    case 'secrets list':
      return Object.entries(state.secrets)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { team, kind }]) => `${name}\t${team}\t${kind}`)
        .join('\n');
    case 'secrets versions add':
      secret(last).versions.push(input);
      return '';
    case 'secrets versions access':
      return secret(flag('secret')).versions.at(-1) ?? notFound();
    case 'artifacts docker images describe':
      return state.images.includes(last) ? 'sha256:1' : notFound();
    case 'run services list':
      return JSON.stringify(state.services);
    case 'run services describe':
      return JSON.stringify(service());
    case 'run services update':
      if (values['no-traffic'] !== true) throw new CommandFailure('requests would go to a new revision at once');
      if ('tag' in values) throw new CommandFailure('the revision would have a name that stays in the template');
      addRevision(service(), flag('image'));
      return '';
    case 'run services update-traffic':
      if (values['to-latest'] === true) moveToLatest(service(), flag('remove-tags').split(','));
      else setTag(service(), ...(flag('update-tags').split('=') as [string, string]));
      return '';
    default:
      if (line.startsWith('services enable ') || line.startsWith('builds submit ')) return '';
      if (line.startsWith('secrets versions list ')) return secret(last).versions.length > 0 ? '1' : '';
      throw new CommandFailure(`no such command: ${line}`);
  }
}

function addRevision({ spec, status }: CloudRunService, image: string): void {
  spec.image = image;
  const before = status.latestCreatedRevisionName;
  status.latestCreatedRevisionName = before.replace(/\d+$/, (digits) => String(Number(digits) + 1).padStart(5, '0'));
  // What the latest had stays with the revision that was it.
  status.traffic = status.traffic.map(({ latestRevision, ...rest }) =>
    latestRevision === true ? { ...rest, revisionName: before } : rest,
  );
}

function setTag({ metadata: { name }, status }: CloudRunService, tag: string, revisionName: string): void {
  status.traffic = status.traffic.filter((one) => one.tag !== tag);
  status.traffic.push({ revisionName, tag, url: `https://${tag}---${name}.a.run.app` });
}

function moveToLatest({ status }: CloudRunService, removedTags: readonly string[]): void {
  const tagged = status.traffic.filter(({ tag }) => tag !== undefined && !removedTags.includes(tag));
  status.traffic = [
    { revisionName: status.latestCreatedRevisionName, percent: 100, latestRevision: true },
    ...tagged.map((one) => ({ ...one, percent: 0 })),
  ];
}
