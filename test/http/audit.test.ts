import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { audit } from '../../functions/http/audit.ts';
import type { ManifestOutcome } from '../../functions/registry/outcome.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const image: ManifestOutcome = {
  kind: 'manifest',
  image: { mediaType: 'x', digest, bytes: Buffer.from('{}'), revision: 'abc', sizeBytes: 1234 } as never,
  from: 'composed',
};
const trace = '0af7651916cd43dd8448eb211c80319c';

function lineOf(headers: Record<string, string>, outcome: ManifestOutcome, project?: string): Record<string, unknown> {
  const lines: Record<string, unknown>[] = [];
  const log = { info: (about: Record<string, unknown>, message: string) => lines.push({ ...about, message }) };
  const pull = { user: 'ci', address: '192.0.2.1', repository: 'shell/git', reference: 'latest', startedMs: 0 };
  audit(log as never, project)({ method: 'GET', headers } as unknown as IncomingMessage, pull, outcome);
  assert.equal(lines.length, 1);
  return lines[0] ?? {};
}

describe('the line of a pull', () => {
  it('says who got what, and where it came from', () => {
    const { durationMs, ...line } = lineOf({}, image);
    assert.deepEqual(line, {
      ...{ message: 'pull', user: 'ci', address: '192.0.2.1', method: 'GET', image: 'shell/git', reference: 'latest' },
      ...{ outcome: 'manifest', revision: 'abc', digest, bytes: 1234, cache: 'composed' },
    });
    assert.ok(typeof durationMs === 'number' && durationMs > 0);
  });

  it('says that somebody did not get it', () => {
    const line = lineOf({}, { kind: 'denied', message: 'no' });
    assert.equal(line['outcome'], 'denied');
    assert.equal(line['digest'], undefined);
  });

  for (const [headers, project, expected] of [
    [{ 'x-cloud-trace-context': `${trace}/123;o=1` }, 'team', `projects/team/traces/${trace}`],
    [{ 'x-cloud-trace-context': trace }, undefined, trace],
    [{ traceparent: `00-${trace}-00f067aa0ba902b7-01` }, 'team', `projects/team/traces/${trace}`],
    [{ traceparent: `00-short-00f067aa0ba902b7-01` }, 'team', undefined],
    [{ 'x-cloud-trace-context': '"},{"severity":"CRITICAL' }, 'team', undefined],
    [{}, 'team', undefined],
  ] as const) {
    it(`is in the trace ${String(expected)} for ${JSON.stringify(headers)}`, () => {
      assert.equal(lineOf({ ...headers }, image, project)['logging.googleapis.com/trace'], expected);
    });
  }
});
