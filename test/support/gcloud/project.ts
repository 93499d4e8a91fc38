import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gcloud, type ProjectState } from './commands.ts';

/** A project of Google's, with a `gcloud` and a `terraform` that know no other. */
export interface ProjectDouble extends AsyncDisposable {
  /** Finds the programs. */
  readonly environment: Record<string, string>;
  /** As it is now. */
  readonly state: ProjectState;
  /** The commands so far, as typed, in order; what came in from a pipe is no part of them. */
  readonly calls: string[];
}

/**
 * The programs ask this process, since starting one of Node's for each command takes most of the time. They send what came
 * in from a pipe, on one line in base64, and then a line for each argument, and a dot; they get an exit code and a text.
 */
const SCRIPT = `#!/usr/bin/env bash
input=
for argument; do [ "$argument" != --data-file=- ] || input=$(base64 --wrap=0); done
exec 3<>/dev/tcp/127.0.0.1/PORT
printf '%s\\n' "$input" "\${0##*/}" "$@" . >&3
read -r code <&3
if [ "$code" = 0 ]; then cat <&3; else cat <&3 >&2; fi
exit "$code"
`;

/** Starts a project that has nothing but what is given. */
export async function startProject(given: Partial<ProjectState> = {}): Promise<ProjectDouble> {
  const state: ProjectState = { buckets: [], secrets: {}, images: [], services: [], failing: [], ...given };
  const calls: string[] = [];

  function answer(socket: Socket, [input = '', program = '', ...argv]: readonly string[]): void {
    calls.push([program, ...argv].join(' '));
    const piped = Buffer.from(input, 'base64').toString();
    const { exitCode, output } = program === 'gcloud' ? gcloud(state, argv, piped) : { exitCode: 0, output: '' };
    socket.end(`${exitCode}\n${output === '' ? '' : `${output}\n`}`);
  }

  const server = createServer((socket) => {
    let received = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      received += text;
      if (received.endsWith('\n.\n')) answer(socket, received.split('\n').slice(0, -2));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const folder = await mkdtemp(join(tmpdir(), 'project-'));
  for (const program of ['gcloud', 'terraform']) {
    const file = join(folder, program);
    await writeFile(file, SCRIPT.replace('PORT', String((server.address() as AddressInfo).port)));
    await chmod(file, 0o755);
  }
  return {
    environment: { PATH: `${folder}:${process.env['PATH'] ?? ''}` },
    state,
    calls,
    async [Symbol.asyncDispose]() {
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
