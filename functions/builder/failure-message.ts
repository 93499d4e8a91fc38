import type { ImageOutcome, PackagesUnavailable } from './outcome.ts';

/** Why there is no image, in a sentence for a person, without a log; undefined where there is one or may be soon. */
export function failureMessage(outcome: ImageOutcome): string | undefined {
  if (outcome.kind === 'image' || outcome.kind === 'in-progress') return undefined;
  return outcome.kind === 'packages-unavailable' ? missingPackages(outcome) : outcome.message;
}

/** What is wrong with each of the packages. */
export function missingPackages({ unknown, refused }: PackagesUnavailable): string {
  const sentences = [
    ...unknown.map(({ attribute, nearMatches }) => `there is no package ${attribute}${didYouMean(nearMatches)}`),
    ...refused.map(({ message }) => message),
  ];
  return sentences.join('; ');
}

function didYouMean(names: readonly string[]): string {
  return names.length === 0 ? '' : ` (did you mean ${names.join(', ')}?)`;
}
