import { parseArgs } from 'node:util';
import { parseCredentials } from '../access/credentials.ts';
import { newToken } from '../access/token.ts';
import { runCommand, UsageError } from './run-command.ts';

const USAGE = `npm run token -- --user USER [--days DAYS]

Makes a new random token. Prints it, this once, and the line for the file of credentials (NIXERY_CREDENTIALS), which holds
only its hash. To replace a token, put the new one beside the old one (a user has up to two), hand it out, and take the old
one out of the file: the service sees that within five seconds.

  --user USER   letters, digits and . _ @ + -
  --days DAYS   refuse the token after so many days; without it, it is good until it is taken out of the file
`;

const DAY_MS = 24 * 60 * 60 * 1000;

await runCommand(USAGE, (_config, argv) => {
  const { values } = parseArgs({ args: [...argv], options: { user: { type: 'string' }, days: { type: 'string' } } });
  const { user, days } = values;
  if (user === undefined) throw new UsageError('name the user');
  if (days !== undefined && !/^[1-9]\d{0,3}$/.test(days)) throw new UsageError('days are a number from 1 to 9999');

  const token = newToken();
  const expires = days === undefined ? {} : { expires: new Date(Date.now() + Number(days) * DAY_MS).toISOString() };
  const entry = { tokens: [{ sha256: token.sha256().toString('hex'), ...expires }] };
  const file = JSON.stringify({ users: { [user]: entry } });
  try {
    parseCredentials(file);
  } catch (error) {
    throw new UsageError(`${user} cannot be a user`, { cause: error });
  }
  process.stdout.write(
    [
      `The token of ${user}, which is nowhere else:`,
      '',
      `  ${token.expose()}`,
      '',
      'Its line in "users" of the file of credentials:',
      '',
      `  ${JSON.stringify(user)}: ${JSON.stringify(entry)}`,
      '',
      'The whole file, for this user alone:',
      '',
      `  ${file}`,
      '',
      `  docker login --username ${user} --password-stdin HOST`,
      '',
    ].join('\n'),
  );
  return Promise.resolve(0);
});
