import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StorePathReader } from '../../../functions/layer/source/source.ts';
import { byteString, type TreeEntry } from '../../../functions/layer/tree.ts';
import { type Content, link, program } from '../fixture.ts';

/** What every reader of store paths does, whatever kind of source it reads. @param open of a store path that holds this */
export function readerConformance(name: string, open: (content: Content) => Promise<StorePathReader>): void {
  async function contentOf(reader: StorePathReader, size: number, room: number): Promise<Buffer> {
    const into = Buffer.alloc(room + 2, '-');
    const pieces: Buffer[] = [];
    for (let missing = size; missing > 0;) {
      const got = await reader.read(into, 1, 1 + room);
      assert.ok(got > 0 && got <= Math.min(room, missing), `${got} bytes of ${missing} in room for ${room}`);
      assert.deepEqual([into[0], into[room + 1]], [0x2d, 0x2d]);
      pieces.push(Buffer.from(into.subarray(1, 1 + got)));
      missing -= got;
    }
    return Buffer.concat(pieces);
  }

  async function readAll(content: Content, room = 1000): Promise<{ entries: TreeEntry[]; contents: string[] }> {
    const reader = await open(content);
    const [entries, contents]: [TreeEntry[], string[]] = [[], []];
    for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) {
      entries.push(entry);
      if (entry.kind === 'file') contents.push((await contentOf(reader, entry.size, room)).toString('latin1'));
    }
    assert.equal(await reader.next(), undefined);
    await reader.close();
    return { entries, contents };
  }

  describe(`a reader of ${name}`, () => {
    it('gives folders before what is in them, and that in the order of the bytes of names', async () => {
      const { entries } = await readAll({
        b: { z: '', '10': '', '9': '' },
        'b.c': '',
        'b-c': {},
        B: '',
        'caf\xe9': '',
        [byteString('日本')]: '',
        _: { deep: { deeper: { deepest: '' } } },
        '.hidden': '',
      });
      assert.deepEqual(
        entries.map(({ below }) => below),
        [
          '',
          '/.hidden',
          '/B',
          '/_',
          '/_/deep',
          '/_/deep/deeper',
          '/_/deep/deeper/deepest',
          '/b',
          '/b/10',
          '/b/9',
          '/b/z',
          '/b-c',
          '/b.c',
          '/caf\xe9',
          `/${byteString('日本')}`,
        ],
      );
    });

    it('says what an entry is, and a size before the content', async () => {
      const { entries, contents } = await readAll({
        file: 'text',
        folder: {},
        link: link('to\xff'),
        run: program('#!'),
      });
      assert.deepEqual(entries, [
        { kind: 'directory', below: '' },
        { kind: 'file', below: '/file', size: 4, executable: false },
        { kind: 'directory', below: '/folder' },
        { kind: 'symlink', below: '/link', target: 'to\xff' },
        { kind: 'file', below: '/run', size: 2, executable: true },
      ]);
      assert.deepEqual(contents, ['text', '#!']);
    });

    it('takes a store path that is no folder', async () => {
      assert.deepEqual(await readAll('text'), {
        entries: [{ kind: 'file', below: '', size: 4, executable: false }],
        contents: ['text'],
      });
      assert.deepEqual((await readAll(program('#!'))).entries, [
        { kind: 'file', below: '', size: 2, executable: true },
      ]);
      assert.deepEqual((await readAll(link('to'))).entries, [{ kind: 'symlink', below: '', target: 'to' }]);
    });

    it('gives contents whole, however little room there is', async () => {
      const files = Object.fromEntries(
        [0, 1, 2, 511, 512, 513, 100_000].map((size) => [`${size}`, Buffer.alloc(size, `${size} `).toString()]),
      );
      for (const room of [1, 2, 511, 512, 100_000, 100_001]) {
        const { entries, contents } = await readAll(files, room);
        const names = entries.slice(1).map(({ below }) => below.slice(1));
        assert.deepEqual(names, Object.keys(files).sort());
        for (const [index, name] of names.entries()) assert.ok(contents[index] === files[name], `${name} bytes`);
      }
    });

    it('goes on only when a file was read to its end, and reads no further', async () => {
      const reader = await open({ file: 'text', other: 'more' });
      await reader.next();
      await reader.next();
      await assert.rejects(async () => reader.next(), /was not read to its end/);
      const into = Buffer.alloc(10);
      let offset = 0;
      while (offset < 3) offset += await reader.read(into, offset, 3);
      await assert.rejects(async () => reader.next(), /was not read to its end/);
      offset += await reader.read(into, offset, 10);
      assert.equal(into.toString('latin1', 0, offset), 'text');
      await assert.rejects(async () => reader.read(into, 0, 10), /no file to read/);
      assert.deepEqual(await reader.next(), { kind: 'file', below: '/other', size: 4, executable: false });
      await reader.close();
    });
  });
}
