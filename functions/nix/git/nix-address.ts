/**
 * The address of a repository as all versions of Nix take it: what git writes `user@host:path` is a URL of ssh to them.
 *
 * @see git-clone(1), "Git URLs"
 */
export function nixAddress(address: string): string {
  // A path with a colon has a slash before it; `x://` is a URL.
  const [, host, path] = /^([^/:]+):(?!\/\/)(.+)$/.exec(address) ?? [];
  return host === undefined || path === undefined ? address : `ssh://${host}/${path.replace(/^\//, '')}`;
}
