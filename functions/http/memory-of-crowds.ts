import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** So many connections less than there were leave memory behind that is worth a look at all of the heap. */
const CROWD = 500;
/** After the last one of them: a crowd does not leave in one moment. */
const QUIET_MS = 1_000;

/**
 * Has V8 collect, and give memory back, when a crowd of connections has left. It collects when something needs memory, and an
 * idle process needs none: it would keep what served thousands of readers for as long as it lives (docs/adr/0023).
 *
 * @param collect of a test; V8's when absent
 */
export function collectAfterCrowds(server: Server, { collect = collectAll, quietMs = QUIET_MS } = {}): void {
  let open = 0;
  let most = 0;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    timer = undefined;
    if (most - open < CROWD) return;
    most = open;
    collect();
  }

  server.on('connection', (socket: Socket) => {
    most = Math.max(most, ++open);
    socket.once('close', () => {
      open--;
      if (most - open < CROWD) return;
      timer = timer?.refresh() ?? setTimeout(look, quietMs).unref();
    });
  });
}

/** Nothing where Node was started without `--expose-gc`, which `nix/node-flags` has. After another kind V8 keeps the pages. */
function collectAll(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
