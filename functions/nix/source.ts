import { OperatorError } from '../operator-error.ts';

/** What `nix/load.nix` takes: where a package set is, at one revision. */
export type NixSource =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'git'; readonly url: string; readonly revision: string }
  | { readonly kind: 'tarball'; readonly url: string };

/** What a reference (an image's tag) means to a source. */
export type Pin =
  | { readonly kind: 'pinned'; readonly revision: string }
  /** The source answered, and knows no such reference or may not give it. */
  | { readonly kind: 'unknown'; readonly message: string };

/** Where packages come from: a channel, a git repository or a folder. */
export interface PackageSource {
  /** For people: logs, labels and messages. Without credentials. */
  readonly description: string;
  /**
   * Where everybody finds it, for the label of images: a URL without user and password. Absent for what lies on this machine,
   * which nobody else finds there and whose path is nothing of an image.
   */
  readonly origin?: string | undefined;
  /** Looking a reference up costs no network: it is done at every pull. */
  readonly isLocal: boolean;
  /** What lies at a revision can never be something else, so that it may be read before it is asked for. */
  readonly isFixed: boolean;
  /** What distinguishes this source in keys, beside the revision. */
  readonly identity: Readonly<Record<string, string>>;
  /** Which commits it lets references mean, where that can be chosen: what was found under one rule is not looked up by the other. */
  readonly commits?: string;
  /** What the environment of Nix has beside the rest when it reads a revision; never that of builds. */
  readonly fetchEnvironment?: Readonly<Record<string, string>>;
  /**
   * The revision that a reference means now. `latest` is always known.
   *
   * @throws SourceError when the source does not answer
   */
  pin(reference: string, options?: { signal?: AbortSignal | undefined }): Promise<Pin>;
  /** As `pin`, where that takes no time: undefined when it would. */
  peek?(reference: string): Pin | undefined;
  /**
   * When a revision was made, in seconds since 1970: the date of a commit. Absent where revisions have no dates, as folders'.
   *
   * @throws SourceError when the source does not answer, or has the revision no more
   */
  madeAt?(revision: string, options?: { signal?: AbortSignal | undefined }): Promise<number>;
  /**
   * References that can be asked for, beside `latest`: tags within their grammar.
   *
   * @throws SourceError when the source does not answer
   */
  references(options?: { signal?: AbortSignal | undefined }): Promise<readonly string[]>;
  /** Whether commits can be asked for that it does not list: those that were served are told as well. */
  readonly hasUnlisted?: boolean;
  /** The package set at a revision that {@link pin} gave. */
  at(revision: string): NixSource;
  /**
   * To be asked after an evaluation: is what was read still that revision? Only a folder that people work in can change.
   *
   * @throws SourceError when it is not
   */
  confirm(revision: string, options?: { signal?: AbortSignal | undefined }): Promise<void>;
}

/** A package source did not answer, or not as it should. */
export class SourceError extends OperatorError {
  readonly code = 'SOURCE';
  override readonly name = 'SourceError';
}

/** The tag that means what the source was configured with. */
export const LATEST = 'latest';

/** A full commit. */
export const COMMIT = /^[0-9a-f]{40}$/;
/** What git takes for an abbreviated commit. */
export const SHORT_COMMIT = /^[0-9a-f]{7,39}$/;
