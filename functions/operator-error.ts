import { CredentialsError } from './access/credentials.ts';
import { ConfigError } from './config/config.ts';
import { ListenError } from './http/server.ts';
import { CompressorMissingError } from './layer/compressor-error.ts';
import { PopularityError } from './layer/popularity.ts';
import { SourceError } from './nix/source.ts';
import { StoreSpaceError } from './nix/room/space.ts';
import { StorageError } from './storage/blob-store.ts';
import { FolderUnusableError } from './storage/folder/prepare.ts';
import { BucketUnusableError } from './storage/gcs/start.ts';
import { SigningKeyError } from './storage/gcs/key-signer.ts';

const KINDS = [
  ...[ConfigError, ListenError],
  ...[FolderUnusableError, BucketUnusableError, SigningKeyError, StorageError],
  CompressorMissingError,
  PopularityError,
  CredentialsError,
  SourceError,
  StoreSpaceError,
];

/** An error as it is told to who runs the program: in a sentence what a person can mend, else with where it happened. */
export function toldToOperator(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return KINDS.some((kind) => error instanceof kind) ? error.message : (error.stack ?? error.message);
}
