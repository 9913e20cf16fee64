# What the scripts of this folder share. Sourced by them, never run.
# shellcheck shell=bash

# Debian packages that the build needs: the libraries it links, what the package
# manager clones dependencies with, and the openssl that deploy/dev-ca runs.
# shellcheck disable=SC2034 # Read by the scripts that source this.
readonly build_needs=(
  libnghttp2-dev zlib1g-dev libhttp-parser-dev librocksdb-dev libssl-dev openssl git ca-certificates
)
readonly oldest_swift_major=6 oldest_swift_minor=2

say() { printf '%s: %s\n' "${0##*/}" "$*"; }

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# bounded SECONDS COMMAND... ends the command when it takes longer. Swift passes an
# interrupt on to the test processes, which stand in groups of their own; a SIGTERM
# would leave them running. In the foreground, so that Ctrl-C arrives as well.
bounded() { timeout --foreground --signal=INT --kill-after=10 "$@"; }

is_installed() {
  # shellcheck disable=SC2016 # dpkg-query expands the field, not the shell.
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs those of the named Debian packages that are missing; says nothing
# when none is.
install_missing() {
  local name missing=() as_root=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    fail "this needs apt and dpkg, as on Debian 12; the packages wanted are: $*"
  fi
  for name in "$@"; do
    is_installed "$name" || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  local install=(
    env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
  )
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
      fail "missing: ${missing[*]}. As root, run: apt-get update && ${install[*]}"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  "${as_root[@]}" apt-get update ||
    fail "apt-get update failed; mend what it says above, then run this again"
  "${as_root[@]}" "${install[@]}" ||
    fail "could not install ${missing[*]}; mend what apt-get says above, then run this again"
}

# Ends with an error unless a Swift that is new enough is on the PATH.
require_swift() {
  local wanted="$oldest_swift_major.$oldest_swift_minor" described
  command -v swift >/dev/null ||
    fail "swift is not on the PATH. Install Swift $wanted or newer" \
      "(https://www.swift.org/install) and add its usr/bin folder to PATH"
  described=$(swift --version 2>&1) || fail "swift --version failed: $described"
  [[ $described =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] ||
    fail "swift --version names no version: $described"
  local major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
  ((major * 1000 + minor >= oldest_swift_major * 1000 + oldest_swift_minor)) ||
    fail "Swift $major.$minor is too old; this needs $wanted or newer" \
      "(https://www.swift.org/install)"
}

# Python packages that check what the project describes: the HTTP interface and the manifests.
readonly check_packages=(
  openapi-spec-validator==0.9.0 schemathesis==4.32.5 kubernetes-validate==1.37.0
)

# Prints the folder of the programs of a Python environment with them, below .build, made when it
# is missing. Run in the top folder.
checks_folder() {
  local folder=$PWD/.build/checks wanted="${check_packages[*]}"
  if [ "$(cat "$folder/packages" 2>/dev/null)" != "$wanted" ]; then
    install_missing python3 python3-venv >&2
    say "fetching $wanted" >&2
    rm -rf -- "$folder"
    # Debian's own: another python3 of the PATH may be without venv.
    /usr/bin/python3 -m venv "$folder" >&2 || fail "cannot make $folder"
    "$folder/bin/pip" --quiet --disable-pip-version-check install "${check_packages[@]}" >&2 ||
      fail "pip could not fetch $wanted; mend what it says above, then run this again"
    printf '%s\n' "$wanted" >"$folder/packages"
  fi
  printf '%s\n' "$folder/bin"
}
