/**
 * What packages need and do not say, since Debian has it in every system: libraries that theirs are linked to, by the package.
 * The build of a package says which others there are ("needs ..., which nothing that it depends on has").
 */
export const UNDECLARED: ReadonlyMap<string, readonly string[]> = new Map([['libext2fs2', ['libcom-err2']]]);
