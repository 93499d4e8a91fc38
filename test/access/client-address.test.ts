import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clientAddress } from '../../functions/access/client-address.ts';

describe('the address of a client', () => {
  const socket = { kind: 'socket' } as const;
  const forwarded = (proxies = 0) => ({ kind: 'forwarded', proxies }) as const;

  for (const [source, header, peer, address] of [
    [socket, '203.0.113.7', '192.0.2.1', '192.0.2.1'],
    [socket, undefined, '::ffff:192.0.2.1', '192.0.2.1'],
    [socket, undefined, undefined, 'unknown'],
    [forwarded(), '203.0.113.7', '192.0.2.1', '203.0.113.7'],
    [forwarded(), '1.1.1.1, 2.2.2.2,203.0.113.7', '192.0.2.1', '203.0.113.7'],
    [forwarded(1), '1.1.1.1, 203.0.113.7, 35.191.0.1', '192.0.2.1', '203.0.113.7'],
    [forwarded(1), '35.191.0.1', '192.0.2.1', '192.0.2.1'],
    [forwarded(), 'nonsense', '192.0.2.1', '192.0.2.1'],
    [forwarded(), '', '192.0.2.1', '192.0.2.1'],
    [forwarded(), `${'1.1.1.1,'.repeat(5000)}203.0.113.7`, '192.0.2.1', '203.0.113.7'],
    [socket, undefined, '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    [socket, undefined, '2001:0db8:0001:2::6', '2001:db8:1:2::/64'],
    [socket, undefined, '2001:db8::1', '2001:db8:0:0::/64'],
    [socket, undefined, '::1', '0:0:0:0::/64'],
    [socket, undefined, 'fe80::1%eth0', 'fe80:0:0:0::/64'],
    [socket, undefined, '64:ff9b:0:0:1::192.0.2.1', '64:ff9b:0:0::/64'],
  ] as const) {
    it(`is ${address} for ${String(header).slice(0, 30)} from ${String(peer)} (${JSON.stringify(source)})`, () => {
      assert.equal(clientAddress(source, header, peer), address);
    });
  }
});
