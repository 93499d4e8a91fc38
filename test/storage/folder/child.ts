// One role of another process that shares a folder; folder.test.ts starts it, talks to it through its output, kills it.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { folderStore } from '../../../functions/storage/folder/store.ts';
import { withFolderLock } from '../../../functions/storage/folder/lock.ts';
import { prepareFolder } from '../../../functions/storage/folder/prepare.ts';
import { objectKey } from '../../../functions/storage/object-key.ts';

const [role, path = '', name = ''] = process.argv.slice(2);
const say = (line: string): void => void writeSync(1, `${line}\n`);
const forever = (): Promise<never> =>
  new Promise(() => {
    setInterval(() => undefined, 60_000);
  });

switch (role) {
  case 'prepare':
    try {
      await prepareFolder(path);
      say('prepared');
    } catch (error) {
      say(String(error));
    }
    break;
  case 'stage-half': {
    const staging = await folderStore(path).stage();
    await new Promise((resolve) => staging.writable.write(Buffer.alloc(3_000_000, 'half'), resolve));
    say('staged');
    await forever();
    break;
  }
  case 'hold-lock':
    await withFolderLock(join(path, 'uploads', `${name}.lock`), async () => {
      say('locked');
      await forever();
    });
    break;
  case 'create-all': {
    // Starts when told to, so that all processes run at once.
    await new Promise((resolve) => process.stdin.once('data', resolve));
    process.stdin.destroy();
    const store = folderStore(path);
    for (let index = 0; index < 40; index++) {
      if (await store.createRecord(objectKey('pins', `p${index}`), Buffer.from(name))) say(`p${index}`);
    }
    break;
  }
  case 'increment': {
    const store = folderStore(path);
    const key = objectKey('pins', name);
    for (let done = 0; done < 25;) {
      const found = await store.readRecord(key);
      if (found === undefined) throw new Error(`${key} is not there`);
      const next = Buffer.from(String(Number(found.bytes.toString()) + 1));
      if (await store.replaceRecord(key, next, found.generation)) done++;
    }
    break;
  }
  default:
    throw new Error(`no such role: ${String(role)}`);
}
