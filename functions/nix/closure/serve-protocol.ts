import type { Conversation } from '../process/process.ts';

// The protocol of `nix-store --serve`, by which Nix's ssh:// stores talk (Nix, src/libstore/serve-protocol.hh): numbers are
// 8 bytes, little endian; a string is its length, its bytes, and zeros up to a multiple of 8.
const MAGIC_OF_CLIENT = 0x390c9deb;
const MAGIC_OF_SERVER = 0x5452eecb;
/** Version 2.5: Nix 2.0 and later. Servers that know more keep to it. */
const VERSION = 0x205;
const MAJOR = 0xff00;
const QUERY_PATH_INFOS = 2;
const QUERY_CLOSURE = 7;
const WORD_BYTES = 8;
/** Longer is no path, no hash and no signature. */
const MAX_STRING_BYTES = 64 * 1024;

/** A store path, as Nix's database knows it. */
export interface PathInfo {
  readonly path: string;
  readonly references: readonly string[];
  readonly narSizeBytes: number;
  /** As Nix writes it: `sha256:` and base 32. */
  readonly narHash: string;
}

/** What `nix-store --serve` is asked, one question after the other. */
export interface ServeClient {
  /** All that these paths refer to, directly or not, and themselves. Where one of them is not valid, Nix ends with an error. */
  closure(paths: readonly string[]): Promise<readonly string[]>;
  /** Of those paths that are valid. */
  pathInfos(paths: readonly string[]): Promise<readonly PathInfo[]>;
}

/** Begins to talk; what is wrong with the other side the first question says. */
export function serveClient(nix: Pick<Conversation, 'write' | 'read'>): ServeClient {
  async function number(): Promise<number> {
    const value = (await nix.read(WORD_BYTES)).readBigUInt64LE();
    if (value > Number.MAX_SAFE_INTEGER) throw new Error(`nix-store --serve says ${value}, and a number was to come`);
    return Number(value);
  }
  async function string(): Promise<string> {
    const length = await number();
    if (length > MAX_STRING_BYTES) throw new Error(`nix-store --serve says a string of ${length} bytes`);
    const padded = await nix.read(Math.ceil(length / WORD_BYTES) * WORD_BYTES);
    return padded.toString('utf8', 0, length);
  }
  async function strings(): Promise<string[]> {
    const found: string[] = [];
    for (let left = await number(); left > 0; left--) found.push(await string());
    return found;
  }

  async function greet(): Promise<void> {
    const magic = await number();
    const version = await number();
    if (magic !== MAGIC_OF_SERVER) throw new Error('nix-store --serve speaks another protocol');
    if ((version & MAJOR) !== (VERSION & MAJOR) || version < VERSION) {
      throw new Error(
        `nix-store --serve speaks version ${version >> 8}.${version & 0xff}, and 2.5 or later was expected`,
      );
    }
  }
  nix.write(numberBytes(MAGIC_OF_CLIENT, VERSION));
  const greeted = greet();
  // Met by the first question.
  greeted.catch(() => undefined);

  return {
    async closure(paths) {
      await greeted;
      const derivationsOutputs = 0;
      nix.write(Buffer.concat([numberBytes(QUERY_CLOSURE, derivationsOutputs), stringsBytes(paths)]));
      return strings();
    },
    async pathInfos(paths) {
      await greeted;
      nix.write(Buffer.concat([numberBytes(QUERY_PATH_INFOS), stringsBytes(paths)]));
      const infos: PathInfo[] = [];
      for (let path = await string(); path !== ''; path = await string()) {
        await string(); // deriver
        const references = await strings();
        await number(); // size of a download, which nobody knows
        infos.push({ path, references, narSizeBytes: await number(), narHash: await string() });
        await string(); // content address
        await strings(); // signatures
      }
      return infos;
    },
  };
}

function numberBytes(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * WORD_BYTES);
  for (const [index, number] of numbers.entries()) bytes.writeBigUInt64LE(BigInt(number), index * WORD_BYTES);
  return bytes;
}

function stringsBytes(strings: readonly string[]): Buffer {
  const each = strings.flatMap((string) => {
    const bytes = Buffer.from(string);
    return [numberBytes(bytes.length), bytes, Buffer.alloc(-bytes.length & (WORD_BYTES - 1))];
  });
  return Buffer.concat([numberBytes(strings.length), ...each]);
}
