/** A repository as it may be shown and written anywhere, and what git is told beside that, by its environment. */
export interface GitLogin {
  /** Without user and password, where git is told them otherwise. */
  readonly url: string;
  /** What {@link HELPER} tells. */
  readonly variables: Readonly<Record<string, string>>;
  /** Git's configuration. */
  readonly settings: readonly GitSetting[];
}

type GitSetting = readonly [name: string, value: string];

/** A credential helper, which git runs in a shell: asked for a user and a password, it tells those of the environment. */
const HELPER =
  '!f() { test "$1" != get || printf \'username=%s\\npassword=%s\\n\' "$GIT_LOGIN_USER" "$GIT_LOGIN_PASSWORD"; }; f';

/**
 * Takes user and password out of a URL of http or https: git writes a URL into its configuration, Nix into its caches, and
 * both show it on command lines. What a helper tells, git keeps in memory, and gives to that host alone.
 * Users of other URLs, as `git` of ssh's, are no secrets.
 *
 * @see gitcredentials(7)
 */
export function gitLogin(url: string): GitLogin {
  const nothing = { url, variables: {}, settings: [] };
  if (!/^https?:/i.test(url) || !URL.canParse(url)) return nothing;
  const parsed = new URL(url);
  const { username, password, origin } = parsed;
  if (username === '' && password === '') return nothing;
  parsed.username = '';
  parsed.password = '';
  return {
    url: parsed.href,
    variables: { GIT_LOGIN_USER: decodeURIComponent(username), GIT_LOGIN_PASSWORD: decodeURIComponent(password) },
    settings: [
      // Empty, it takes away the helpers that are configured elsewhere, which would be told the password, to store it.
      ['credential.helper', ''],
      [`credential.${origin}.helper`, HELPER],
    ],
  };
}

/**
 * What is added to the environment of git, or of what starts git.
 *
 * @see git(1), `GIT_CONFIG_COUNT`
 */
export function gitEnvironment(login: GitLogin, more: readonly GitSetting[] = []): Record<string, string> {
  const settings = [...login.settings, ...more];
  if (settings.length === 0) return {};
  const variables: Record<string, string> = { ...login.variables, GIT_CONFIG_COUNT: String(settings.length) };
  for (const [index, [name, value]] of settings.entries()) {
    variables[`GIT_CONFIG_KEY_${index}`] = name;
    variables[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return variables;
}
