import { parseArgs } from 'node:util';
import { composeStore } from '../compose/store.ts';
import { verify } from '../upkeep/verify.ts';
import { runCommand } from './run-command.ts';

const USAGE = `npm run verify -- [--deep] [--fix]

Checks every record of the store that the service is configured with against the blobs that it names, prints each
problem and what it means, and ends with 1 when there are any. Instances may serve meanwhile.

  --deep   also reads every blob and computes its digest and its diffID
  --fix    removes what is wrong, so that the next pull makes it again
`;

await runCommand(USAGE, async (config, argv) => {
  const { values } = parseArgs({
    args: [...argv],
    options: { deep: { type: 'boolean', default: false }, fix: { type: 'boolean', default: false } },
  });
  const store = await composeStore(config.storage);
  let removedCount = 0;
  const { records, problems, unproved } = await verify(store, {
    ...values,
    problem: ({ key, wrong, meaning, removed }) => {
      if (removed) removedCount++;
      process.stdout.write(`${key}: ${wrong.join('; ')}\n  ${meaning}${removed ? ' (removed)' : ''}\n`);
    },
  });
  const counts = Object.entries(records).map(([area, count]) => `${count} ${area}`);
  process.stdout.write(`${store.name}: checked ${counts.join(', ') || 'nothing: it is empty'}\n`);
  if (unproved > 0) {
    const what = `${unproved} records without a proof, of a version from before there were any`;
    process.stdout.write(
      `${what}${values.fix ? ' (removed)' : ': where none of that runs any more, --fix removes them'}\n`,
    );
  }
  const mended = removedCount > 0 ? `, ${removedCount} removed` : '';
  process.stdout.write(problems === 0 ? 'no problems\n' : `${problems} problems${mended}\n`);
  return problems === 0 ? 0 : 1;
});
