import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

const SHOWN = '[secret]';

/** A text that no log, message or inspection shows: what it is can be had by {@link Secret.expose} alone. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself, for whoever it is meant for. */
  expose(): string {
    return this.#text;
  }

  sha256(): Buffer {
    return createHash('sha256').update(this.#text).digest();
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}
