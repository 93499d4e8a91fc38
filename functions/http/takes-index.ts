import { MediaType } from '../oci/media-type.ts';

/** Types that mean an image index among others. */
const INDEX_TYPES: ReadonlySet<string> = new Set([MediaType.index, 'application/*', '*/*']);

/**
 * Whether a client takes an image index (RFC 9110, section 12.5.1): clients that know none ask for manifests alone, and what
 * says nothing takes anything.
 *
 * @param accept the request's Accept
 */
export function takesIndex(accept: string | undefined): boolean {
  if (accept === undefined) return true;
  return accept.split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return INDEX_TYPES.has(type) && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}
