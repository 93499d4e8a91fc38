import { isIP } from 'node:net';

/** Where a client's address is to be found. */
export type AddressSource =
  | { readonly kind: 'socket' }
  /**
   * In X-Forwarded-For, whose last entry is the client that Google's front end saw. Everything before that is what the
   * client itself sent. A load balancer in front adds its own address behind: `proxies` entries at the end are such.
   */
  | { readonly kind: 'forwarded'; readonly proxies: number };

/** X-Forwarded-For of a client that lies. Its end is what counts. */
const MAX_FORWARDED_CHARACTERS = 2048;

/**
 * The address of a client, as it is counted: of IPv6 the network of 64 bits, since every client has all of that.
 *
 * @param forwarded X-Forwarded-For
 * @param socket the other end of the connection
 */
export function clientAddress(
  source: AddressSource,
  forwarded: string | undefined,
  socket: string | undefined,
): string {
  if (source.kind === 'forwarded' && forwarded !== undefined) {
    const entries = forwarded.slice(-MAX_FORWARDED_CHARACTERS).split(',');
    const entry = entries.at(-1 - source.proxies)?.trim() ?? '';
    if (isIP(entry) !== 0) return network(entry);
  }
  return socket === undefined ? 'unknown' : network(socket);
}

function network(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (isIP(address) !== 6) return address;
  // An IPv4 address at the end stands for two groups, which are not in the network.
  const [head = '', tail] = address
    .toLowerCase()
    .replace(/\d+\.\d+\.\d+\.\d+/, '0:0')
    .split('::');
  const groups = (text = '') => (text === '' ? [] : text.split(':'));
  const [before, behind] = [groups(head), groups(tail)];
  const zeros = Array<string>(Math.max(0, 8 - before.length - behind.length)).fill('0');
  const all = [...before, ...zeros, ...behind].map((group) => group.replace(/%.*$|^0+(?=.)/g, ''));
  return `${all.slice(0, 4).join(':')}::/64`;
}
