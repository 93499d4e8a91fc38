import type { Digest } from '../oci/digest.ts';
import type { BlobFacts } from './blob-facts.ts';

/** A blob as a record says it is. */
export interface ExpectedBlob {
  readonly digest: Digest;
  /** Undefined when the record does not say. */
  readonly sizeBytes: number | undefined;
  /** Of a layer: what it is when it is inflated. */
  readonly diffId?: Digest | undefined;
  readonly uncompressedBytes?: number | undefined;
}

/** What is wrong with a blob, to be read after what it is; nothing when it is as expected. */
export function wrongWithBlob(expected: ExpectedBlob, facts: BlobFacts | undefined): readonly string[] {
  const { digest, sizeBytes, diffId, uncompressedBytes } = expected;
  if (facts === undefined) return [`${digest} is gone`];
  const wrong: string[] = [];
  if (sizeBytes !== undefined && facts.sizeBytes !== sizeBytes)
    wrong.push(`${digest} has ${facts.sizeBytes} bytes and not ${sizeBytes}`);
  const { content } = facts;
  if (content === undefined) return wrong;
  if (content.digest !== digest) wrong.push(`${digest} has other content: ${content.digest}`);
  if (diffId === undefined) return wrong;
  if (content.inflated === undefined) return [...wrong, `${digest} is neither gzip nor zstd`];
  if (content.inflated.digest !== diffId) {
    wrong.push(`${digest} has the diffID ${content.inflated.digest} and not ${diffId}`);
  }
  if (uncompressedBytes !== undefined && content.inflated.sizeBytes !== uncompressedBytes) {
    wrong.push(`${digest} has ${content.inflated.sizeBytes} bytes inflated and not ${uncompressedBytes}`);
  }
  return wrong;
}
