# Reads a maintainer script and prints the calls of known commands that it would make. Started by
# Recorded.pm with SCRIPT (the script's text), ROOT (where the package is unpacked) and ARCHITECTURE.
content=$(<"$SCRIPT")
# A script that never ends is cut.
ulimit -t 10
# What the building machine has must not matter: no globbing, and files are looked for in the package.
set -f
exec </dev/null 2>/dev/null
set -r

recorded() {
  printf '\001%s' "$1"
  shift
  printf '\002%s' "$@"
  printf '\003\n'
}
update-alternatives() { recorded update-alternatives "$@"; }
ucf() { recorded ucf "$@"; }
cp() { recorded cp "$@"; }
a2enmod() { recorded a2enmod "$@"; }
a2enconf() { recorded a2enconf "$@"; }
a2ensite() { recorded a2ensite "$@"; }
apache2_invoke() { recorded apache2_invoke "$@"; }
php_invoke() { recorded php_invoke "$@"; }
update-xmlcatalog() { recorded update-xmlcatalog "$@"; }
update-catalog() { recorded update-catalog "$@"; }
mktemp() { echo "/temporary/$BASHPID"; }
set() { :; }
trap() { :; }
kill() { :; }
read() { return 1; }
dpkg() {
  case "$1" in
    --print-architecture) echo "$ARCHITECTURE" ;;
    *) return 1 ;;
  esac
}
uname() {
  case "$*" in
    '' | -s) echo Linux ;;
    *) return 1 ;;
  esac
}
command_not_found_handle() { return 0; }
test() {
  local arguments=() argument before=
  for argument in "$@"; do
    case "$before$argument" in
      # Of another package, which defines what is a function here.
      -[efrs]/usr/*-maintscript-helper) argument=$SCRIPT ;;
      -[abcdefghkprsuwxLNOS]/*) argument=$ROOT$argument ;;
    esac
    case "$argument" in -?) before=$argument ;; *) before= ;; esac
    arguments+=("$argument")
  done
  builtin test "${arguments[@]}"
}
[() {
  local arguments=("$@")
  unset 'arguments[-1]'
  test "${arguments[@]}"
}
set_arguments_and_run() {
  eval "$content"
}
set_arguments_and_run configure
