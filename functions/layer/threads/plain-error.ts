import { CompressorError } from '../compressor-error.ts';
import { byteString, StorePathError, StorePathMissingError, UnfitForImageError } from '../tree.ts';

/** An error on its way from one thread to another, which keeps neither its class nor its fields. */
export type PlainError =
  | { readonly kind: 'missing'; readonly location: string }
  | { readonly kind: 'path'; readonly location: string; readonly problem: string }
  | { readonly kind: 'unfit'; readonly location: string; readonly problem: string }
  | { readonly kind: 'compressor'; readonly compressor: string; readonly problem: string }
  | { readonly kind: 'other'; readonly message: string; readonly stack: string | undefined; readonly code: unknown };

export function plainError(error: unknown): PlainError {
  if (error instanceof StorePathMissingError) return { kind: 'missing', location: error.location };
  if (error instanceof StorePathError) return { kind: 'path', location: error.location, problem: error.problem };
  if (error instanceof UnfitForImageError) return { kind: 'unfit', location: error.location, problem: error.problem };
  if (error instanceof CompressorError) {
    return { kind: 'compressor', compressor: error.compressor, problem: error.problem };
  }
  if (!(error instanceof Error)) return { kind: 'other', message: String(error), stack: undefined, code: undefined };
  const { message, stack } = error;
  return { kind: 'other', message, stack, code: 'code' in error ? error.code : undefined };
}

/** The error that {@link plainError} was given, of its class and with its message. */
export function errorOf(plain: PlainError): Error {
  switch (plain.kind) {
    case 'missing':
      return new StorePathMissingError(byteString(plain.location));
    case 'path':
      return new StorePathError(byteString(plain.location), plain.problem);
    case 'unfit':
      return new UnfitForImageError(byteString(plain.location), plain.problem);
    case 'compressor':
      return new CompressorError(plain.compressor, plain.problem);
    case 'other': {
      const { message, stack, code } = plain;
      const error = new Error(message);
      return Object.assign(error, { ...(stack !== undefined && { stack }), ...(code !== undefined && { code }) });
    }
    default:
      throw new RangeError(`no such error: ${String(plain satisfies never)}`);
  }
}
