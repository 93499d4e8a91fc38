import type { File } from '@google-cloud/storage';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ifFound } from './gcs-error.ts';
import { type newObject, NO_GENERATION } from './gcs-object.ts';

/** An object that is uploaded while it is made; its length is not known before its end. */
export interface ResumableUpload {
  /** Resolves when more is wanted; a failure is told to `failed`. Not to be called again before. */
  write(chunk: Buffer): Promise<void>;
  /** Completes the object and says what the bucket has received. */
  end(): Promise<{ readonly sizeBytes: number; readonly md5: string | undefined }>;
  /** Gives up; the object is not there afterwards. */
  abort(): Promise<void>;
}

/** What is kept until the bucket has confirmed it, so that it can be sent again: an upload holds about two of these. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/** So much is accepted while the bucket has not confirmed the chunk before: work on the next one goes on meanwhile. */
const AHEAD_BYTES = 1024 * 1024;

/** @param failed told when the upload cannot go on, at once */
export async function resumableUpload(
  file: File,
  metadata: ReturnType<typeof newObject>,
  failed: (error: Error) => void,
): Promise<ResumableUpload> {
  const preconditionOpts = { ifGenerationMatch: NO_GENERATION };
  // Left to the stream, the session would be asked for without credentials where the API is not at Google.
  const [uri] = await file.createResumableUpload({ metadata, preconditionOpts });
  const stream: Writable = file
    .createWriteStream({
      ...{ uri, offset: 0, resumable: true, chunkSize: CHUNK_BYTES, metadata, preconditionOpts },
      // The library's own would only come after the upload, and then delete; the comparison is made by the caller.
      validation: false,
    })
    .on('error', (error) => {
      if (!isEnding) failed(error);
    });
  let isEnding = false;
  let aheadBytes = 0;
  let release = () => {};
  return {
    write(chunk) {
      aheadBytes += chunk.length;
      stream.write(chunk, (error) => {
        aheadBytes -= chunk.length;
        if (aheadBytes <= AHEAD_BYTES || error) release();
      });
      if (aheadBytes <= AHEAD_BYTES) return Promise.resolve();
      return new Promise((resolve) => {
        release = resolve;
      });
    },
    async end() {
      isEnding = true;
      stream.end();
      try {
        await finished(stream);
      } catch (error) {
        // The library does not know what to do when the last answer is lost: the object is there, or it is not.
        if ((await ifFound(file.getMetadata())) === undefined) throw error;
      }
      return { sizeBytes: Number(file.metadata.size), md5: file.metadata.md5Hash };
    },
    async abort() {
      stream.destroy();
      // The last request may have arrived although its answer did not.
      await ifFound(file.delete());
    },
  };
}
