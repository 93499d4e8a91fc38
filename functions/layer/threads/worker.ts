import { on } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { findCompressor } from '../compressors/compressors.ts';
import { inflateMembers } from '../inflate-members.ts';
import { type LayerHash, layerHash } from '../frame/frame.ts';
import {
  type LayerReply,
  type LayerRequest,
  type LayerThreadReady,
  type LayerThreadStart,
  WINDOW_BYTES,
} from './messages.ts';
import type { MemberTotals, TarTotals } from '../thread-work.ts';
import { memberTar } from './member-tar.ts';
import { plainError } from './plain-error.ts';
import { openSource, type StorePathReader } from '../source/source.ts';
import type { ByteString } from '../tree.ts';

/**
 * What runs in a thread of its own: one job at a time, with calls that wait. It packs store paths, from their source to the
 * compressed layer, and inflates layers. Everything that is long is in memory that is used again and again.
 */
if (parentPort === null) throw new Error('worker.ts is the start of a thread');
const port = parentPort;
const { compressor: compressorName, windows, cancelled } = workerData as LayerThreadStart;
const pieces = windows.map((window) => Buffer.from(window)) as [Buffer, Buffer];
const compressor = findCompressor(compressorName);
/** The layer of several store paths that are being packed, hashed as far as they are. */
let group: LayerHash | undefined;
/** The piece of memory that is filled next. */
let window: 0 | 1 = 0;
const requests = on(port, 'message') as AsyncIterator<[LayerRequest]>;

function reply(message: LayerReply): void {
  port.postMessage(message);
}

async function nextRequest(): Promise<LayerRequest> {
  const next = (await requests.next()) as IteratorYieldResult<[LayerRequest]>;
  return next.value[0];
}

/** The caller no longer wants what it had asked for. */
class ClosedError extends Error {
  override readonly name = 'ClosedError';
}

port.postMessage({ kind: 'ready' } satisfies LayerThreadReady);
for (;;) {
  const request = await nextRequest();
  try {
    if (request.kind === 'pack') await pack(request);
    else if (request.kind === 'inflate') reply({ kind: 'hashed', totals: await inflate() });
    else if (request.kind === 'group') openGroup();
    else if (request.kind === 'group-end') reply({ kind: 'hashed', totals: closeGroup() });
    else if (request.kind === 'close') throw new ClosedError();
    else throw new Error(`nothing is open for ${request.kind}`);
  } catch (error) {
    group = undefined;
    reply(error instanceof ClosedError ? { kind: 'closed' } : { kind: 'failed', error: plainError(error) });
  }
}

function openGroup(): void {
  group = layerHash();
  reply({ kind: 'more' });
}

function closeGroup(): TarTotals {
  if (group === undefined) throw new Error('no group is open');
  const totals = group.totals();
  group = undefined;
  return totals;
}

/** Replies with the pieces of a store path's member, as they are asked for. */
async function pack({ name, source, ofGroup }: LayerRequest & { kind: 'pack' }): Promise<void> {
  if (ofGroup !== (group !== undefined)) throw new Error('a group is open, or should be');
  const reader = await openSource(source, { signal: { throwIfAborted } });
  try {
    await packFrom(reader, name, ofGroup);
  } finally {
    await reader.close();
  }
}

async function packFrom(reader: StorePathReader, name: ByteString, ofGroup: boolean): Promise<void> {
  const layer = group ?? layerHash();
  let memberTarBytes = 0;
  async function* chunks(): AsyncGenerator<Buffer, void, void> {
    for await (const chunk of memberTar(name, reader)) {
      throwIfAborted();
      layer.update(chunk);
      memberTarBytes += chunk.length;
      yield chunk;
    }
  }
  let memberBytes = 0;
  let used = 0;
  function give(last?: { readonly member: MemberTotals; readonly totals?: TarTotals }): void {
    reply({ kind: 'piece', window, bytes: used, ...last });
    window = window === 0 ? 1 : 0;
    used = 0;
  }
  for await (const chunk of compressor.compress(chunks())) {
    memberBytes += chunk.length;
    for (let offset = 0; offset < chunk.length;) {
      if (used === WINDOW_BYTES) {
        give();
        if ((await nextRequest()).kind !== 'next') throw new ClosedError();
      }
      const copied = chunk.copy(pieces[window], used, offset);
      used += copied;
      offset += copied;
    }
  }
  give({ member: { memberBytes, memberTarBytes }, ...(!ofGroup && { totals: layer.totals() }) });
}

/** Asks for members until it is told that there are no more. */
async function inflate(): Promise<TarTotals> {
  const members = inflateMembers(compressor);
  try {
    for (;;) {
      reply({ kind: 'more' });
      const request = await nextRequest();
      throwIfAborted();
      if (request.kind === 'member-bytes') await members.write(pieces[request.window].subarray(0, request.bytes));
      else if (request.kind === 'member-end') await members.endMember();
      else if (request.kind === 'inflate-end') return await members.end();
      else throw new ClosedError();
    }
  } finally {
    await members.close();
  }
}

function throwIfAborted(): void {
  if (Atomics.load(cancelled, 0) !== 0) throw new Error('cancelled');
}
