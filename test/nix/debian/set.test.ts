import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { writeSet } from '../../../nix/debian/folder.ts';
import { makeLock } from '../../../nix/debian/lock.ts';
import { newest, parsePackages } from '../../../nix/debian/package.ts';

const source = join(import.meta.dirname, '../../../nix/debian/set');
const tools = ['nix-build', 'dpkg-deb', 'patchelf'];
const missing = tools.filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
const environment = { ...process.env, NIX_CONFIG: 'build-users-group =\nsandbox = false\nsubstitute = false' };

/** Text, where a link leads, a program of this machine, or another name of a file that came before. */
type MadeFile = string | { readonly link: string } | { readonly copy: string } | { readonly also: string };

/** A package made of files by their paths in Debian. */
interface Made {
  readonly fields?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, MadeFile>>;
  readonly postinst?: string;
}

const SCRIPT = '#!/bin/sh\necho "$@" | sed s/a/b/\n';
// A program that is dynamically linked, on any Debian machine.
const PROGRAM = '/usr/bin/tr';

const PAM_TEMPLATE = `# here are the per-package modules (the "Primary" block)
$auth_primary
# here's the fallback if no module succeeds
auth\trequisite\t\t\tpam_deny.so
# and here are more per-package modules (the "Additional" block)
$auth_additional
# end of pam-auth-update config
`;

/** As dh_installxmlcatalogs writes it. */
function catalogued(name: string, type: 'public' | 'system' | 'uri', id: string): string {
  const add = `update-xmlcatalog --sort --add --type ${type} --id "${id}" --package ${name}`;
  return `#!/bin/sh
set -e
if [ "$1" = configure ]; then
\t${add} --local /usr/share/book/catalog.xml
\t${add} --root
fi
`;
}

/** In PEM and as bytes: what is in it does not matter to a keystore. */
function certificate(bytes: number): { readonly pem: string; readonly der: Buffer } {
  const der = Buffer.from(Array.from({ length: bytes }, (_, index) => (index * 37) % 256));
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n');
  return { pem: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`, der };
}
const CERTIFICATES = [certificate(100), certificate(101), certificate(102)] as const;

const MADE: Readonly<Record<string, Made>> = {
  libc6: { files: { '/lib64/ld-linux-x86-64.so.2': 'loader', '/lib/x86_64-linux-gnu/libc.so.6': 'library' } },
  dash: {
    fields: { Essential: 'yes', Depends: 'libc6' },
    files: { '/bin/dash': 'shell', '/bin/sh': { link: 'dash' } },
  },
  sed: { fields: { Essential: 'yes' }, files: { '/bin/sed': SCRIPT } },
  tool: {
    fields: { Depends: 'tool-common (>= 1) | other, python, libc6', Provides: 'virtual-tool' },
    files: {
      '/usr/bin/tool': SCRIPT,
      '/usr/bin/pytool': '#!/usr/bin/env python\n',
      '/usr/bin/odd': '#!/usr/bin/nothing -x\n',
      '/usr/bin/binary': { copy: PROGRAM },
      '/usr/games/game': SCRIPT,
      '/bin/old': { link: '/usr/bin/tool' },
      '/usr/share/tool/common': { link: '../tool-common/text' },
      '/usr/share/tool/gone': { link: '../gone/text' },
      '/usr/share/tool/shared': { link: '/etc/tool' },
      '/etc/tool/conf': 'configured',
    },
    postinst: `#!/bin/sh
set -e
. /usr/share/debconf/confmodule
for name in vi editor; do
  if [ -e /usr/bin/tool ] && [ ! -e /usr/bin/perl ]; then
    update-alternatives --quiet --install /usr/bin/$name $name /usr/bin/tool 10 --slave /usr/share/$name.1 $name.1 /usr/share/tool/none >/dev/null
  fi
done
touch /tmp/nixery-run-postinst-ran
echo ran > /tmp/nixery-run-postinst-ran
`,
  },
  'tool-common': { files: { '/usr/share/tool-common/text': 'text' } },
  python: { files: { '/usr/bin/python': 'interpreter' } },
  'cycle-a': { fields: { Depends: 'cycle-b' }, files: { '/usr/share/a': 'a' } },
  'cycle-b': { fields: { Depends: 'cycle-a' }, files: { '/usr/share/b': 'b' } },
  'ca-certificates': {
    fields: { Depends: 'tool' },
    files: {
      '/usr/share/ca-certificates/b.crt': 'B\n',
      '/usr/share/ca-certificates/a.crt': 'A',
      '/usr/share/ca-certificates/x/One_(1).crt': CERTIFICATES[0].pem,
      '/usr/share/ca-certificates/x/two.crt': CERTIFICATES[1].pem,
      '/usr/share/ca-certificates/x/Three.crt': CERTIFICATES[2].pem,
    },
  },
  documented: {
    fields: { Depends: 'tool-common' },
    files: {
      '/usr/bin/documented': SCRIPT,
      '/usr/lib/documented/program': { also: '/usr/bin/documented' },
      '/usr/share/doc/documented/copyright': 'free',
      '/usr/share/doc/documented/README': 'read',
      '/usr/share/doc/documented/NEWS': { also: '/usr/share/doc/documented/README' },
      '/usr/share/doc/documented/THANKS': { link: 'README' },
      '/usr/share/doc/documented/program': { link: '../../../bin/documented' },
      '/usr/share/doc/documented/text': { link: '../../tool-common/text' },
      '/usr/share/doc/documented-extras': { link: 'documented' },
      '/usr/share/man/man1/documented.1': 'manual',
      '/usr/share/locale/de/LC_MESSAGES/documented.mo': 'übersetzt',
      '/usr/share/locale/de/LC_TIME/documented.mo': { link: '../LC_MESSAGES/documented.mo' },
      '/usr/share/locale/locale.alias': 'aliases',
      '/usr/share/documented/locale': { link: '../locale' },
      '/usr/share/gtk-doc/html/documented/index.html': 'read',
      '/usr/share/gtk-doc/python/documented.py': 'program',
      '/usr/share/lintian/overrides/documented': 'for those who make packages',
      '/usr/share/lintian/lib/documented.pm': 'program',
      '/usr/share/documented/help': { link: '../doc/documented/README' },
    },
    postinst: `#!/bin/sh
update-alternatives --install /usr/bin/reader reader /usr/bin/documented 10 \\
  --slave /usr/share/man/man1/reader.1 reader.1 /usr/share/man/man1/documented.1
`,
  },
  'tool-doc': {
    files: { '/usr/share/doc/tool-doc/copyright': 'free', '/usr/share/doc/tool-doc/manual': 'read' },
  },
  manuals: { fields: { Section: 'doc', Depends: 'tool, tool-doc' }, files: { '/usr/share/man/man1/tool.1': 'read' } },
  bash: { fields: { Essential: 'yes', Depends: 'libc6, libtinfo6' }, files: { '/bin/bash': 'shell' } },
  libtinfo6: { fields: { Depends: 'libc6' }, files: { '/lib/x86_64-linux-gnu/libtinfo.so.6': 'library' } },
  'ncurses-base': {
    fields: { Essential: 'yes' },
    files: { '/lib/terminfo/x/xterm': 'terminal', '/usr/share/other/data': 'data' },
  },
  'libc-bin': {
    fields: { Essential: 'yes', Depends: 'libc6' },
    files: {
      '/usr/lib/locale/C.utf8/LC_CTYPE': 'letters',
      '/usr/bin/iconv': 'program',
      '/usr/share/doc/libc-bin/copyright': '',
    },
  },
  'base-passwd': {
    fields: { Essential: 'yes' },
    files: {
      '/usr/share/base-passwd/passwd.master':
        'root:*:0:0:root:/root:/bin/bash\nwww-data:*:33:33::/var/www:/usr/sbin/nologin\n',
      '/usr/share/base-passwd/group.master': 'root:*:0:\n',
    },
    postinst: `#!/bin/sh
for name in passwd group; do
  if [ ! -e "$DPKG_ROOT/etc/$name" ]; then
    cp "$DPKG_ROOT/usr/share/base-passwd/$name.master" "$DPKG_ROOT/etc/$name"
  fi
done
`,
  },
  'util-linux': {
    fields: { Essential: 'yes', Depends: 'libc6, libtinfo6' },
    files: { '/bin/more': 'program', '/bin/mount': 'program' },
    postinst:
      '#!/bin/sh\nif [ "$(uname -s)" = Linux ]; then update-alternatives --install /usr/bin/pager pager /bin/more 50; fi\n',
  },
  seeker: {
    fields: { Depends: 'libc6, tool-common' },
    files: {
      '/usr/bin/seeker': '#!/bin/sh\ncat "$(dirname "$(readlink -f "$0")")/../share/seeker/part"\n',
      '/usr/bin/plain': SCRIPT,
      '/usr/lib/seeker/bin/deep': '#!/bin/sh\n. "$(realpath "$0")"\n',
      '/usr/lib/seeker/data': 'data',
      '/usr/share/seeker/own': 'own',
    },
  },
  configured: {
    fields: { Depends: 'tool-common' },
    files: {
      '/usr/share/configured/default': 'default',
      '/usr/share/configured/machine': 'machine',
      '/etc/configured/kept': 'kept',
    },
    postinst: `#!/bin/sh
set -e
copy() { if [ ! -e "$2" ]; then cp -p "$1" "$2"; fi; }
copy /usr/share/configured/default /etc/configured/new
copy /usr/share/configured/default /etc/configured/kept
ucf /usr/share/tool-common/text /etc/configured/text
new=$(mktemp)
cat /usr/share/configured/machine > "$new"
ucf --three-way "$new" /etc/configured/machine
cp /usr/share/configured/default /usr/share/configured/other
cp /etc/hostname /etc/configured/hostname
`,
  },
  apache2: {
    files: {
      '/etc/apache2/mods-available/deflate.load': '# Depends: filter\nLoadModule deflate',
      '/etc/apache2/mods-available/deflate.conf': 'deflates',
      '/etc/apache2/mods-available/filter.load': 'LoadModule filter',
      '/etc/apache2/mods-available/off.load': 'LoadModule off',
      '/etc/apache2/sites-available/000-default.conf': 'site',
    },
    postinst:
      '#!/bin/bash\nif [ -z "$2" ]; then for one in deflate none; do a2enmod -m -q $one; done; a2ensite -q 000-default; fi\n',
  },
  'php-json': {
    files: { '/usr/share/php-json/json.ini': '; priority=15\nextension=json.so\n' },
    postinst: `#!/bin/sh
if [ -e /usr/lib/php/php-maintscript-helper ]; then
  . /usr/lib/php/php-maintscript-helper
  for name in json; do
    ucf /usr/share/php-json/$name.ini /etc/php/8.2/mods-available/$name.ini
    php_invoke enmod 8.2 ALL $name
  done
fi
`,
  },
  'xml-core': {
    files: {
      '/usr/share/xml-core/catalog.header': '<catalog>\n',
      '/usr/share/xml-core/catalog.footer': '</catalog>\n',
    },
    postinst: catalogued('xml-core', 'public', '-//XML//'),
  },
  'book-xml': {
    fields: { Depends: 'xml-core, sgml-base' },
    files: { '/usr/share/book/catalog.xml': 'catalog', '/etc/sgml/book-xml.cat': 'CATALOG' },
    postinst: catalogued('book-xml', 'system', 'http://book.example/'),
  },
  'book-xsl': {
    fields: { Depends: 'xml-core' },
    postinst: catalogued('book-xsl', 'uri', 'http://sheet.example/'),
  },
  'book-tool': { fields: { Depends: 'book-xml, book-xsl' }, files: { '/usr/share/book-tool/a': 'a' } },
  'sgml-base': {
    postinst: '#!/bin/sh\nif [ "$1" = configure ]; then update-catalog --quiet --update-super; fi\n',
  },
  'libpam-runtime': {
    files: {
      '/usr/share/pam/common-auth': PAM_TEMPLATE,
      '/usr/share/pam-configs/unix': `Name: Unix
Default: yes
Priority: 256
Auth-Type: Primary
Auth:
\t[success=end default=ignore]\tpam_unix.so try_first_pass
Auth-Initial:
\t[success=end default=ignore]\tpam_unix.so nullok
`,
    },
  },
  'libpam-face': {
    fields: { Depends: 'libpam-runtime' },
    files: {
      '/usr/share/pam-configs/face': `Default: yes\nPriority: 300\nAuth-Type: Primary\nAuth:\n\t[success=end default=ignore]\tpam_face.so\n`,
      '/usr/share/pam-configs/off': 'Default: no\nPriority: 900\nAuth-Type: Primary\nAuth:\n\trequired\tpam_off.so\n',
    },
  },
  'ca-certificates-java': {
    fields: { Depends: 'ca-certificates' },
    files: { '/usr/share/ca-certificates-java/program.jar': 'program' },
  },
  'partial-src': { files: { '/usr/share/partial/src/rest': 'rest' } },
  partial: {
    fields: { Depends: 'partial-src' },
    files: {
      '/usr/share/partial/src/own': 'own',
      '/usr/lib/partial/src': { link: '../../share/partial/src' },
      '/usr/share/partial/whole/own': 'own',
      '/usr/lib/partial/whole': { link: '../../share/partial/whole' },
    },
  },
  libgvc6: {
    files: {
      '/usr/lib/x86_64-linux-gnu/graphviz/plugin': 'plugin',
      '/usr/sbin/libgvc6-config-update': '#!/bin/sh\n[ "$1" = -c ] && ls "$GVBINDIR" > "$GVBINDIR/config6a"\n',
    },
  },
  unlucky: { fields: { Depends: 'gone (>= 2) | lost' } },
  'g++': { files: { '/usr/bin/g++': 'compiler' } },
};

function makeDeb(folder: string, name: string, { fields = {}, files = {}, postinst }: Made): string {
  const root = join(folder, name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (typeof content === 'string') writeFileSync(join(root, path), content, { mode: 0o755 });
    else if ('link' in content) symlinkSync(content.link, join(root, path));
    else if ('also' in content) linkSync(join(root, content.also), join(root, path));
    else writeFileSync(join(root, path), readFileSync(content.copy), { mode: 0o4755 });
  }
  mkdirSync(join(root, 'DEBIAN'), { recursive: true });
  const all = { Package: name, Version: '1:1.0~rc1-1', Architecture: 'amd64', ...fields };
  const control = Object.entries({ ...all, Maintainer: 'nobody <nobody@example.org>', Description: `the ${name}` })
    .map(([field, value]) => `${field}: ${value}`)
    .join('\n');
  writeFileSync(join(root, 'DEBIAN/control'), `${control}\n`);
  if (postinst !== undefined) writeFileSync(join(root, 'DEBIAN/postinst'), postinst, { mode: 0o755 });
  const file = `${name.replace('+', '%')}.deb`;
  execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', root, join(folder, file)], { stdio: 'ignore' });
  const sha256 = createHash('sha256')
    .update(readFileSync(join(folder, file)))
    .digest('hex');
  return `${control}\nFilename: ${file}\nSHA256: ${sha256}\n`;
}

/** Files, and links with where they lead, sorted; folders are not named. */
function filesBelow(folder: string): string[] {
  const found = execFileSync('find', [folder, '!', '-type', 'd', '-printf', '%P -> %l\\n']).toString();
  return found
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/ -> $/, ''))
    .sort();
}

describe('the Debian package set', { skip: missing.length > 0 ? `without ${missing.join(', ')}` : false }, () => {
  let folder: string;
  let set: string;
  const outputs = new Map<string, string>();
  function built(attribute: string): string {
    const known = outputs.get(attribute);
    if (known !== undefined) return known;
    const stdout = execFileSync('nix-build', ['--no-out-link', set, '-A', attribute], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    outputs.set(attribute, stdout.toString().trim());
    return built(attribute);
  }
  function evaluated(expression: string, ...options: readonly string[]): unknown {
    const whole = `let packages = import ${set} { }; in ${expression}`;
    const stdout = execFileSync('nix-instantiate', ['--eval', '--strict', '--json', ...options, '-E', whole], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return JSON.parse(stdout.toString());
  }

  before(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'debian-set-')));
    set = join(folder, 'set');
    const index = Object.entries(MADE).map(([name, made]) => makeDeb(folder, name, made));
    const packages = newest(parsePackages(index.join('\n'), `file://${folder}/`));
    const lock = makeLock(packages, { cacert: { bare: 'ca-certificates' }, editor: 'tool' });
    await writeSet(set, source, { test: '1' }, new Map([['amd64', lock]]));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('evaluates with no access to anything outside of its folder', () => {
    const options = ['--option', 'restrict-eval', 'true', '-I', set];
    assert.deepEqual(evaluated('{ inherit (packages.tool) name pname version; }', ...options), {
      name: 'tool-1-1.0-rc1-1',
      pname: 'tool',
      version: '1:1.0~rc1-1',
    });
  });
  it('has attributes for packages, provided names, aliases and names with a plus', () => {
    const names = evaluated('builtins.attrNames packages') as string[];
    for (const name of ['tool', 'virtual-tool', 'editor', 'g++', 'gxx', 'cacert'])
      assert.ok(names.includes(name), name);
    assert.equal(evaluated('packages.gxx.drvPath == packages."g++".drvPath'), true);
    assert.equal(evaluated('packages.virtual-tool.drvPath == packages.tool.drvPath'), true);
  });
  it('says which systems it has packages for', () => {
    assert.throws(
      () => evaluated(`(import ${set} { system = "aarch64-linux"; }).tool.name`),
      /no packages for aarch64-linux/,
    );
    assert.throws(() => evaluated(`(import ${set} { system = "riscv64-linux"; }).tool.name`), /not supported/);
  });
  it('says of a package that cannot be installed what it lacks', () => {
    assert.throws(
      () => evaluated('packages.unlucky.drvPath'),
      /unlucky cannot be installed: Debian's main has no gone \| lost/,
    );
  });
  it('joins packages that depend on each other', () => {
    const output = built('cycle-b');
    assert.equal(built('cycle-a'), output);
    assert.ok(existsSync(join(output, 'share/a')) && existsSync(join(output, 'share/b')));
    assert.equal(evaluated('packages.cycle-b.pname'), 'cycle-b');
  });
  it('gives scripts the store paths of their interpreters', () => {
    const output = built('tool');
    assert.equal(readFileSync(join(output, 'bin/tool'), 'utf8'), SCRIPT.replace('/bin/sh', `${built('dash')}/bin/sh`));
    assert.equal(readFileSync(join(output, 'bin/pytool'), 'utf8'), `#!${built('python')}/bin/python\n`);
    assert.equal(readFileSync(join(output, 'bin/odd'), 'utf8'), '#!/usr/bin/nothing -x\n');
  });
  it('names what an image needs beside it: dependencies, and essential tools that scripts use', () => {
    const text = readFileSync(join(built('tool'), 'nix-support/propagated-user-env-packages'), 'utf8');
    const expected = ['libc6', 'python', 'tool-common', 'dash', 'sed'].map(built);
    assert.equal(text, `${expected.join(' ')}\n`);
    assert.equal(existsSync(join(built('tool-common'), 'nix-support')), false);
  });
  it('links across packages, and leaves links to what only an image has', () => {
    const output = built('tool');
    assert.equal(readlinkSync(join(output, 'share/tool/common')), `${built('tool-common')}/share/tool-common/text`);
    assert.equal(readlinkSync(join(output, 'share/tool/gone')), '/usr/share/gone/text');
    assert.equal(readlinkSync(join(output, 'share/tool/shared')), '/etc/tool');
    assert.equal(readlinkSync(join(output, 'bin/old')), 'tool');
    assert.equal(readlinkSync(join(output, 'bin/game')), '../games/game');
  });
  it('adds the alternatives that a maintainer script asks for, without running it', () => {
    const output = built('tool');
    assert.equal(readlinkSync(join(output, 'bin/vi')), 'tool');
    assert.equal(readlinkSync(join(output, 'bin/editor')), 'tool');
    assert.equal(existsSync(join(output, 'share/vi.1')), false);
    assert.equal(existsSync('/tmp/nixery-run-postinst-ran'), false);
  });
  it('copies the configuration that a maintainer script would copy, and nothing from the building machine', () => {
    const output = built('configured');
    const text = (name: string) => readFileSync(join(output, 'etc/configured', name), 'utf8');
    assert.deepEqual(['new', 'kept', 'text', 'machine'].map(text), ['default', 'kept', 'text', 'machine']);
    assert.equal(existsSync(join(output, 'etc/configured/hostname')), false);
    assert.equal(existsSync(join(output, 'share/configured/other')), false);
  });
  it('turns on the modules of Apache and of PHP that a maintainer script turns on', () => {
    const apache = filesBelow(join(built('apache2'), 'etc/apache2')).filter((file) => file.includes('-enabled/'));
    assert.deepEqual(apache, [
      'mods-enabled/deflate.conf -> ../mods-available/deflate.conf',
      'mods-enabled/deflate.load -> ../mods-available/deflate.load',
      'mods-enabled/filter.load -> ../mods-available/filter.load',
      'sites-enabled/000-default.conf -> ../sites-available/000-default.conf',
    ]);
    const link = join(built('php-json'), 'etc/php/8.2/cli/conf.d/15-json.ini');
    assert.equal(readlinkSync(link), '/etc/php/8.2/mods-available/json.ini');
  });
  it("makes the list of Graphviz' plugins with Graphviz' own program", () => {
    const list = readFileSync(join(built('libgvc6'), 'lib/x86_64-linux-gnu/graphviz/config6a'), 'utf8');
    assert.match(list, /^(?:config6a\n)?plugin\n$/);
  });
  it('lets programs find their loader and libraries in the store', () => {
    const program = join(built('tool'), 'bin/binary');
    const patchelf = (option: string) => execFileSync('patchelf', [option, program]).toString().trim();
    assert.equal(patchelf('--print-interpreter'), `${built('libc6')}/lib64/ld-linux-x86-64.so.2`);
    assert.equal(patchelf('--print-rpath'), `${built('libc6')}/lib/x86_64-linux-gnu`);
  });
  it('gives programs that look for their parts beside themselves the /usr of an image there', () => {
    const output = built('seeker');
    assert.deepEqual(filesBelow(output), [
      'bin/plain',
      'bin/seeker -> ../nix-support/usr/bin/seeker',
      'lib/seeker/bin/deep',
      'lib/seeker/data',
      'nix-support/propagated-user-env-packages',
      'nix-support/usr/bin/plain -> /usr/bin/plain',
      'nix-support/usr/bin/seeker',
      'nix-support/usr/games -> /usr/games',
      'nix-support/usr/include -> /usr/include',
      'nix-support/usr/lib -> /usr/lib',
      'nix-support/usr/libexec -> /usr/libexec',
      'nix-support/usr/sbin -> /usr/sbin',
      'nix-support/usr/share -> /usr/share',
      'share/seeker/own',
    ]);
  });
  it('brings what essential packages give as data, and no more of them', () => {
    const parts = (attribute: string) =>
      readFileSync(join(built(attribute), 'nix-support/propagated-user-env-packages'), 'utf8')
        .split(/\s+/)
        .filter((path) => path.includes('-part-'))
        .map((path) => filesBelow(path));
    assert.deepEqual(parts('libtinfo6'), [
      ['lib/locale/C.utf8/LC_CTYPE', 'share/doc/libc-bin/copyright'],
      ['lib/terminfo/x/xterm'],
    ]);
    assert.deepEqual(parts('bash'), [
      ['etc/group', 'etc/passwd'],
      ['bin/more', 'bin/pager -> more'],
    ]);
    assert.deepEqual(parts('documented'), []);
    const users = readFileSync(join(built('base-passwd'), 'etc/passwd'), 'utf8');
    assert.equal(users, 'root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n');
  });
  it('has what people read in an output of its own, but for the copyright', () => {
    const [output, documents] = [built('documented'), built('documented.doc')];
    assert.deepEqual(filesBelow(output), [
      'bin/documented',
      'bin/reader -> documented',
      'lib/documented/program -> ../../bin/documented',
      `nix-support/propagated-user-env-packages`,
      'share/doc/documented-extras -> /usr/share/doc/documented',
      'share/doc/documented/copyright',
      'share/documented/help -> /usr/share/doc/documented/README',
      'share/documented/locale -> /usr/share/locale',
      'share/gtk-doc/python/documented.py',
      'share/lintian/lib/documented.pm',
      'share/locale/locale.alias',
    ]);
    assert.deepEqual(filesBelow(documents), [
      'share/doc/documented/NEWS',
      'share/doc/documented/README -> NEWS',
      'share/doc/documented/THANKS -> README',
      `share/doc/documented/program -> ${output}/bin/documented`,
      `share/doc/documented/text -> ${built('tool-common')}/share/tool-common/text`,
      'share/gtk-doc/html/documented/index.html',
      'share/lintian/overrides/documented',
      'share/locale/de/LC_MESSAGES/documented.mo',
      'share/locale/de/LC_TIME/documented.mo -> ../LC_MESSAGES/documented.mo',
      'share/man/man1/documented.1',
      'share/man/man1/reader.1 -> documented.1',
    ]);
    assert.equal(readFileSync(join(documents, 'share/doc/documented/THANKS'), 'utf8'), 'read');
    assert.equal(evaluated('packages.documented.doc.version'), '1:1.0~rc1-1');
  });
  it('gives who asks for documentation both outputs', () => {
    assert.deepEqual(filesBelow(built('tool-doc')), ['share/doc/tool-doc/copyright']);
    assert.deepEqual(filesBelow(built('tool-doc.doc')), ['share/doc/tool-doc/manual']);
    assert.deepEqual(evaluated('packages.tool-doc.meta.outputsToInstall'), ['out', 'doc']);
    assert.deepEqual(filesBelow(built('manuals.doc')), [
      'nix-support/propagated-user-env-packages',
      'share/man/man1/tool.1',
    ]);
    const beside = readFileSync(join(built('manuals.doc'), 'nix-support/propagated-user-env-packages'), 'utf8');
    assert.equal(beside, `${built('tool-doc.doc')}\n`);
    assert.deepEqual(evaluated('packages.manuals.meta.outputsToInstall'), ['out', 'doc']);
    assert.deepEqual(evaluated('packages.documented.meta.outputsToInstall'), ['out']);
  });
  it('makes the file of all certificates, and cacert of nothing else', () => {
    const output = built('cacert');
    const all = `A\nB\n${[CERTIFICATES[0], CERTIFICATES[2], CERTIFICATES[1]].map(({ pem }) => pem).join('')}`;
    assert.equal(readFileSync(join(output, 'etc/ssl/certs/ca-bundle.crt'), 'utf8'), all);
    assert.equal(readFileSync(join(output, 'etc/ssl/certs/ca-certificates.crt'), 'utf8'), all);
    const closure = execFileSync('nix-store', ['--query', '--requisites', output], { env: environment }).toString();
    assert.equal(closure.trim(), output);
  });
  it("makes Java's keystore of the certificates, the same at all times", () => {
    const store = readFileSync(join(built('ca-certificates-java'), 'etc/ssl/certs/java/cacerts'));
    const text = (value: string) => Buffer.concat([number(value.length, 2), Buffer.from(value)]);
    const number = (value: number, bytes: number) => Buffer.from(value.toString(16).padStart(2 * bytes, '0'), 'hex');
    const entries = (['one_=1=', 'three', 'two'] as const).map((name, index) => {
      const { der } = CERTIFICATES[([0, 2, 1] as const)[index] ?? 0];
      return Buffer.concat([
        ...[number(2, 4), text(`debian:${name}.pem`), number(0, 8), text('X.509'), number(der.length, 4), der],
      ]);
    });
    const data = Buffer.concat([number(0xfeedfeed, 4), number(2, 4), number(3, 4), ...entries]);
    const password = Buffer.from('changeit', 'utf16le').swap16();
    const digest = createHash('sha1').update(password).update('Mighty Aphrodite').update(data).digest();
    assert.deepEqual(store, Buffer.concat([data, digest]));
  });
  it('gathers the catalogs of XML and SGML of an output and of all that it depends on', () => {
    const catalog = (name: string) => readFileSync(join(built(name), 'etc/xml/catalog'), 'utf8');
    const line = (kind: string, from: string, id: string, name: string) =>
      `<delegate${kind} ${from}StartString="${id}" catalog="file:///etc/xml/${name}.xml"/>\n`;
    const core = line('Public', 'publicId', '-//XML//', 'xml-core');
    const xml = line('System', 'systemId', 'http://book.example/', 'book-xml');
    const xsl = line('URI', 'uri', 'http://sheet.example/', 'book-xsl');
    assert.equal(catalog('xml-core'), `<catalog>\n${core}</catalog>\n`);
    assert.equal(catalog('book-xml'), `<catalog>\n${core}${xml}</catalog>\n`);
    assert.equal(catalog('book-tool'), `<catalog>\n${core}${xml}${xsl}</catalog>\n`);
    const own = readFileSync(join(built('book-xml'), 'etc/xml/book-xml.xml'), 'utf8');
    assert.match(
      own,
      /<delegateSystem systemIdStartString="http:\/\/book.example\/" catalog="file:\/\/\/usr\/share\/book\/catalog.xml"\/>/,
    );
    const supercatalog = readFileSync(join(built('book-xml'), 'var/lib/sgml-base/supercatalog'), 'utf8');
    assert.match(supercatalog, /^--\n## [^]*\n--\nCATALOG \/etc\/sgml\/book-xml.cat\n$/);
    assert.equal(readlinkSync(join(built('sgml-base'), 'etc/sgml/catalog')), '/var/lib/sgml-base/supercatalog');
  });
  it("fills PAM's templates with the profiles that are on by default", () => {
    const auth = (name: string) => readFileSync(join(built(name), 'etc/pam.d/common-auth'), 'utf8');
    const filled = (lines: string) => PAM_TEMPLATE.replace('$auth_primary\n', lines).replace('$auth_additional\n', '');
    assert.equal(auth('libpam-runtime'), filled('auth\t[success=1 default=ignore]\tpam_unix.so nullok\n'));
    const two =
      'auth\t[success=2 default=ignore]\tpam_face.so \nauth\t[success=1 default=ignore]\tpam_unix.so try_first_pass\n';
    assert.equal(auth('libpam-face'), filled(two));
  });
  it('leads links to a folder that several packages fill to where it is whole', () => {
    const output = built('partial');
    assert.equal(readlinkSync(join(output, 'lib/partial/src')), '/usr/share/partial/src');
    assert.equal(readlinkSync(join(output, 'lib/partial/whole')), '../../share/partial/whole');
  });
});
