/**
 * Divides what a process writes, in chunks of any length, behind the first place where it writes a mark.
 *
 * @param mark at least one byte
 * @param to.before gets what comes up to the mark, and the mark; it may be cut within
 * @param to.after gets what comes behind it, without losing any
 */
export function afterMark(
  mark: string,
  { before, after }: { readonly before: (chunk: Buffer) => void; readonly after: (chunk: Buffer) => void },
): (chunk: Buffer) => void {
  const bytes = Buffer.from(mark);
  /** The end of what came, which may be the beginning of the mark; undefined when the mark has come. */
  let end: Buffer | undefined = Buffer.of();
  return (chunk) => {
    if (end === undefined) {
      after(chunk);
      return;
    }
    const seen = Buffer.concat([end, chunk]);
    const at = seen.indexOf(bytes);
    if (at === -1) {
      end = bytes.length === 1 ? Buffer.of() : seen.subarray(1 - bytes.length);
      before(chunk);
      return;
    }
    end = undefined;
    const behind = seen.subarray(at + bytes.length);
    before(chunk.subarray(0, chunk.length - behind.length));
    if (behind.length > 0) after(behind);
  };
}
