# shellcheck shell=bash
# Shared by the commands in this folder: where caches live, and how missing tools are brought.
# Sourced, not run. Every `need_*` is idempotent and quiet when there is nothing to do.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${CONVOKE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/convoke}
mkdir -p "$CACHE"
export CONVOKE_CACHE=$CACHE

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Root installs by itself; others are told what to install.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "please run as root: $*"; fi
}

# need_apt COMMAND PACKAGE...: the command exists, or its Debian packages are installed.
need_apt() {
  local command=$1; shift
  command -v "$command" >/dev/null && return
  command -v apt-get >/dev/null || die "$command is missing: please install $*"
  say "Installing $*"
  if [ ! -e "$CACHE/.apt-updated" ] || [ -n "$(find "$CACHE/.apt-updated" -mmin +720)" ]; then
    as_root apt-get update -qq >&2
    touch "$CACHE/.apt-updated"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  command -v "$command" >/dev/null || die "$* does not bring $command"
}

need_rust() {
  command -v cargo >/dev/null || die "Rust is missing: install rustup from https://rustup.rs"
  need_apt cc build-essential
}

need_node() {
  command -v npm >/dev/null || need_apt npm nodejs npm
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || die "Node.js 20 or newer is needed, this is $major"
}

# need_npm FOLDER: its node_modules agree with its lock file.
need_npm() {
  need_node
  local stamp="$1/node_modules/.convoke-lock"
  if ! cmp -s "$1/package-lock.json" "$stamp"; then
    say "Installing npm packages of ${1#"$ROOT"/}"
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error >&2)
    cp "$1/package-lock.json" "$stamp"
  fi
}

# need_python NAME REQUIREMENT...: a virtual environment in the cache with these packages, its bin folder in PATH.
need_python() {
  local name=$1 venv stamp; shift
  venv="$CACHE/python-$name"
  stamp="$venv/.requirements"
  if [ "$(cat "$stamp" 2>/dev/null)" != "$*" ]; then
    say "Installing Python packages: $*"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
    echo "$*" >"$stamp"
  fi
  PATH="$venv/bin:$PATH"
}

# need_cargo_tool COMMAND VERSION: a cargo subcommand, built once into the cache.
need_cargo_tool() {
  local stamp="$CACHE/cargo-tools/.$1-$2"
  PATH="$CACHE/cargo-tools/bin:$PATH"
  [ -e "$stamp" ] && return
  say "Building $1 $2 (once)"
  (cd "$CACHE" && CARGO_TARGET_DIR="$CACHE/cargo-tools/target" cargo install --quiet --locked --root "$CACHE/cargo-tools" "$1" --version "$2")
  touch "$stamp"
}

# build_web: web/dist is newer than everything it is made of.
build_web() {
  need_npm "$ROOT/web"
  local dist="$ROOT/web/dist/room.html"
  if [ ! -e "$dist" ] || [ -n "$(find "$ROOT/web" -path "$ROOT/web/node_modules" -prune -o -path "$ROOT/web/dist" -prune -o -type f -newer "$dist" -print -quit)" ]; then
    say "Building the web client"
    (cd "$ROOT/web" && npm run --silent build >&2)
  fi
}

# target_dir: where cargo puts what it builds.
target_dir() { echo "${CARGO_TARGET_DIR:-$ROOT/target}"; }

LIVEKIT_VERSION=1.13.5

# need_livekit: LiveKit's server in the cache, as LIVEKIT. LIVEKIT_SERVER names one that is there already.
need_livekit() {
  LIVEKIT=${LIVEKIT_SERVER:-$CACHE/livekit-$LIVEKIT_VERSION/server}
  [ -x "$LIVEKIT" ] && return
  [ -z "${LIVEKIT_SERVER:-}" ] || die "LIVEKIT_SERVER=$LIVEKIT_SERVER is no program"
  command -v go >/dev/null || die "Go is missing: LiveKit's server $LIVEKIT_VERSION is built with it"
  say "Building LiveKit's server $LIVEKIT_VERSION (once)"
  GOBIN=$(dirname "$LIVEKIT") go install "github.com/livekit/livekit-server/cmd/server@v$LIVEKIT_VERSION"
}

# about_bench FOLDER...: names the machine and the commit, with a word where these folders differ from it.
about_bench() {
  BENCH_MACHINE="$(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), load $(cut -d' ' -f1 /proc/loadavg)"
  BENCH_COMMIT=$(git rev-parse --short=12 HEAD)
  [ -z "$(git status --porcelain -- "$@" Cargo.lock)" ] || BENCH_COMMIT="$BENCH_COMMIT+changes"
  export BENCH_MACHINE BENCH_COMMIT
}

# Ahead of other work on the machine, where that is allowed: it must not decide who delivers. What is started inherits it.
# shellcheck disable=SC2034
ahead() {
  if "$@" true 2>/dev/null; then AHEAD=("$@"); else AHEAD=(); fi
}
