import { type Architecture, architectureOf, platformText } from '../../oci/platform.ts';
import type { NameRequest } from '../../builder/image-request.ts';

/** A way to use an image. */
export interface Command {
  readonly id: 'docker' | 'podman' | 'kubernetes' | 'actions' | 'dockerfile' | `docker-${Architecture}`;
  readonly label: string;
  readonly text: string;
}

/** What commands are made for. */
export interface CommandSubject {
  /** Of the registry, as `https://registry.example.com`. */
  readonly origin: string;
  /** The image's name and tag, within their grammars: nothing in them means anything to a shell, to YAML or to docker. */
  readonly name: string;
  readonly tag: string;
  readonly request: NameRequest;
}

/** Ready to be pasted. Pure. */
export function commandsFor({ origin, name, tag, request }: CommandSubject): readonly Command[] {
  const { host, protocol } = new URL(origin);
  const image = `${host}/${name}:${tag}`;
  // Images with a shell start it; one without a terminal ends at once.
  const hasShell = request.attributes.some((attribute) =>
    /^(?:bash|dash|zsh|fish|busybox)/.test(attribute.toLowerCase()),
  );
  const terminal = hasShell ? ' -it' : '';
  // A machine of the other platform takes that of a name that chooses one when it is told to.
  const [system, ...others] = request.systems;
  const isChosen = others.length === 0 && (system === 'aarch64-linux' || name.split('/').includes('amd64'));
  const platform = isChosen ? ` --platform ${platformText(system)}` : '';
  const architecture = architectureOf(system);
  const insecure = protocol === 'http:' ? ' --tls-verify=false' : '';
  const podName = name
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 50)
    .replace(/^-+|-+$/g, '');
  const each = others.length === 0 ? [] : [system, ...others];
  return [
    { id: 'docker', label: 'Docker', text: `docker run --rm${terminal}${platform} ${image}` },
    ...each.map((one): Command => {
      const text = `docker run --rm${terminal} --platform ${platformText(one)} ${image}`;
      return { id: `docker-${architectureOf(one)}`, label: `Docker, ${platformText(one)}`, text };
    }),
    { id: 'podman', label: 'Podman', text: `podman run --rm${terminal}${platform}${insecure} ${image}` },
    {
      id: 'kubernetes',
      label: 'Kubernetes',
      text: lines(
        'apiVersion: v1',
        'kind: Pod',
        'metadata:',
        `  name: ${podName}`,
        'spec:',
        '  restartPolicy: Never',
        ...(platform === '' ? [] : ['  nodeSelector:', `    kubernetes.io/arch: ${architecture}`]),
        '  containers:',
        '    - name: main',
        `      image: ${image}`,
        ...(hasShell ? ['      stdin: true', '      tty: true'] : []),
      ),
    },
    {
      id: 'actions',
      label: 'GitHub Actions',
      text: lines(
        'jobs:',
        '  job:',
        `    runs-on: ${platform !== '' && architecture === 'arm64' ? 'ubuntu-24.04-arm' : 'ubuntu-latest'}`,
        '    steps:',
        `      - run: docker run --rm ${image}`,
      ),
    },
    {
      id: 'dockerfile',
      label: 'Dockerfile',
      text: lines(
        `FROM debian:stable-slim`,
        `COPY --from=${image} /nix/store /nix/store`,
        `COPY --from=${image} /bin /opt/${podName}/bin`,
        `ENV PATH=/opt/${podName}/bin:$PATH`,
      ),
    },
  ];
}

function lines(...all: readonly string[]): string {
  return all.join('\n');
}
