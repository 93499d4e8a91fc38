import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { Server } from 'node:http';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectAfterCrowds } from '../../functions/http/memory-of-crowds.ts';

function world() {
  const server = new Server();
  // Node's own wants a socket.
  server.removeAllListeners('connection');
  let collected = 0;
  collectAfterCrowds(server, {
    collect: () => {
      collected++;
    },
    quietMs: 20,
  });
  const come = (count: number) =>
    Array.from({ length: count }, () => {
      const socket = new EventEmitter();
      server.emit('connection', socket);
      return socket;
    });
  const leave = async (sockets: EventEmitter[]) => {
    for (const socket of sockets) socket.emit('close');
    await sleep(200);
  };
  return { come, leave, collected: () => collected };
}

describe('memory', () => {
  it('is given back once when a crowd has left', async () => {
    const { come, leave, collected } = world();
    const crowd = come(1_000);
    await leave(crowd.splice(0, 400));
    assert.equal(collected(), 0);
    await leave(crowd.splice(0, 200));
    assert.equal(collected(), 1);
    await leave(crowd);
    assert.equal(collected(), 1);
    await leave(come(600));
    assert.equal(collected(), 2);
  });

  it('is let be while clients come and go', async () => {
    const { come, leave, collected } = world();
    for (let round = 0; round < 5; round++) await leave(come(300));
    assert.equal(collected(), 0);
  });
});
