import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** An answer as it came. */
export interface RawResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** No answer came in time. */
class HangError extends Error {
  readonly code = 'HANG';
  override readonly name = 'HangError';
}

const HANG_MS = 8_000;

/** A connection that is used for one request after the other, and made anew when the other side closes it. */
export class Connection {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /**
   * Sends a request and gives the answer; undefined when the connection is closed without one.
   *
   * @param isLast nothing comes behind these bytes: the other side is told so
   * @throws HangError
   */
  async send(bytes: string | Buffer, isHead: boolean, isLast: boolean): Promise<RawResponse | undefined> {
    const socket = this.#socket ?? (await this.#open());
    let received: Buffer = Buffer.alloc(0);
    const outcome = await new Promise<RawResponse | undefined | 'hang'>((resolve, reject) => {
      const timer = setTimeout(() => {
        finish('hang');
      }, HANG_MS);
      const leave = () => {
        clearTimeout(timer);
        socket.off('data', onData);
        socket.off('close', onClose);
      };
      const finish = (value: RawResponse | undefined | 'hang') => {
        leave();
        resolve(value);
      };
      const fail = (error: Error) => {
        leave();
        this.close();
        reject(error);
      };
      const onData = (chunk: Buffer) => {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
        try {
          const response = parse(received, isHead);
          if (response !== undefined) finish(response);
        } catch (error) {
          fail(error as Error);
        }
      };
      const onClose = () => {
        finish(undefined);
      };
      socket.on('data', onData);
      socket.on('close', onClose);
      socket.write(bytes, 'latin1');
      if (isLast) socket.end();
    });
    if (outcome === 'hang') {
      this.close();
      throw new HangError(`no answer in ${HANG_MS} ms, but ${received.length} bytes: ${received.toString('latin1')}`);
    }
    if (isLast || outcome === undefined || outcome.headers.get('connection') === 'close') this.close();
    return outcome;
  }

  close(): void {
    // Without waiting for the other side: so many closed connections would use up the ports.
    this.#socket?.resetAndDestroy();
    this.#socket = undefined;
  }

  async #open(): Promise<Socket> {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    // Whatever goes wrong, it is closed then.
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.once('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
    this.#socket = socket;
    return socket;
  }
}

/** The whole answer at the start of what was received; undefined when it is not there yet. */
function parse(received: Buffer, isHead: boolean): RawResponse | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [statusLine = '', ...lines] = received.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? 0);
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  if (isHead || status === 304) return { status, headers, body: Buffer.alloc(0) };
  const length = Number(headers.get('content-length') ?? NaN);
  const body = received.subarray(end + 4);
  if (Number.isNaN(length)) throw new Error(`an answer without a length: ${received.toString('latin1')}`);
  return body.length < length ? undefined : { status, headers, body: body.subarray(0, length) };
}
