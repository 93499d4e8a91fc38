import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { traceContextOf } from '../../functions/http/trace-context.ts';
import { traces } from '../../functions/watch/traces.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';

interface Sent {
  resourceSpans: [{ scopeSpans: [{ spans: Record<string, unknown>[] }] }];
}

describe('traces', () => {
  it('reach a collector as OTLP, in the trace that they belong to', async () => {
    const bodies: Sent[] = [];
    const collector = createServer((request, response) => {
      assert.equal(`${request.method ?? ''} ${request.url ?? ''}`, 'POST /v1/traces');
      void json(request).then((body) => {
        bodies.push(body as Sent);
        response.setHeader('Content-Type', 'application/json').end('{}');
      });
    }).listen(0, '127.0.0.1');
    await once(collector, 'listening');
    const address = collector.address();
    assert.ok(typeof address === 'object' && address !== null);
    const sending = traces(`http://127.0.0.1:${address.port}`);
    const parent = { traceId, spanId: '00f067aa0ba902b7' };
    const attributes = { image: 'shell/git' };
    // A small number would be taken for a time since this process began.
    const startedMs = 1_795_000_000_000;
    sending.add({ name: 'pull', startedMs, endedMs: startedMs + 2_500, parent, attributes, failed: true });
    await sending.stop();
    collector.close();
    const [span] = bodies[0]?.resourceSpans[0].scopeSpans[0].spans ?? [];
    assert.ok(span);
    assert.deepEqual([span['name'], span['traceId'], span['parentSpanId']], ['pull', traceId, parent.spanId]);
    const nanos = (name: string) => BigInt(String(span[name]));
    assert.equal(nanos('endTimeUnixNano') - nanos('startTimeUnixNano'), 2_500_000_000n);
    assert.equal(nanos('startTimeUnixNano'), BigInt(startedMs) * 1_000_000n);
    assert.deepEqual(span['status'], { code: 2 });
  });
});

describe('the trace of a request', () => {
  for (const [headers, expected] of [
    [{ 'x-cloud-trace-context': `${traceId}/255;o=1` }, { traceId, spanId: '00000000000000ff', isSampled: true }],
    [{ 'x-cloud-trace-context': `${traceId}/0` }, { traceId, isSampled: false }],
    [{ 'x-cloud-trace-context': `${traceId}/99999999999999999999` }, { traceId, isSampled: false }],
    [{ traceparent: `00-${traceId}-00f067aa0ba902b7-00` }, { traceId, spanId: '00f067aa0ba902b7', isSampled: false }],
    [{ traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` }, undefined],
    [{}, undefined],
  ] as const) {
    it(`is read from ${JSON.stringify(headers)}`, () => {
      assert.deepEqual(traceContextOf(headers), expected);
    });
  }
});
