import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pageOf } from '../../functions/registry/page-of.ts';

const tags = fc
  .uniqueArray(fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,5}$/), { maxLength: 40 })
  .map((all) => all.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));

describe('a list of tags', () => {
  // distribution-spec 1.1, "Listing Tags".
  it('comes whole in pages of any length, in order and without repetition', () => {
    fc.assert(
      fc.property(tags, fc.integer({ min: 1, max: 45 }), (all, n) => {
        const seen: string[] = [];
        let last: string | undefined;
        for (let pages = 0; pages <= all.length; pages++) {
          const page = pageOf(all, n, last);
          assert.ok(page.tags.length <= n, 'n or fewer');
          seen.push(...page.tags);
          if (page.next === undefined) break;
          // Less than n tags are the end of the list.
          assert.equal(page.tags.length, n);
          assert.deepEqual(page.next, { n, last: page.tags.at(-1) });
          last = page.next.last;
        }
        assert.deepEqual(seen, all);
      }),
    );
  });

  it('begins behind a tag, whether or not it is there, and is empty where none is wanted', () => {
    fc.assert(
      fc.property(tags, fc.string({ maxLength: 5 }), fc.option(fc.nat(45), { nil: undefined }), (all, last, n) => {
        const behind = all.filter((tag) => tag > last);
        const page = pageOf(all, n, last);
        assert.deepEqual(page.tags, behind.slice(0, n ?? behind.length));
        assert.equal(page.next !== undefined, n !== undefined && n > 0 && n < behind.length);
        assert.deepEqual(pageOf(all, 0, last), { tags: [] });
      }),
    );
  });
});
