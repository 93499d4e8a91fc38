import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Node alone, in a process of its own, sends the files of a folder: the least that sending blobs can be. */
export interface FileServer extends AsyncDisposable {
  readonly origin: string;
}

export async function startFileServer(folder: string): Promise<FileServer> {
  const child = fork(join(import.meta.dirname, 'file-server-child.ts'), [folder]);
  const [port] = (await once(child, 'message')) as [number];
  return {
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
