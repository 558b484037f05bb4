#!/usr/bin/env bash
# build_llama.sh PREFIX [--git | --npm | --tarball FILE] [--tsan]: llama.cpp, pinned, as static libraries in a folder of their own.
#
# Sources come from upstream's repository or, where that is out of reach, from the copy in an npm package; either way the git tree of
# all of them must be the pinned one. Does nothing where PREFIX holds this build already. Needs cmake, ninja, git, a C++ compiler.
set -euo pipefail

version=0.5.0
tree=fd570ef54b10ec5fecb739e7e04c8ce44a6f415a
upstream=https://github.com/ggml-org/llama.cpp
package=node-llama-cpp@3.22.1
package_sha256=a0d9dd80eacd2ab1cfe71aee57ac8a806487fd70b3d2a38fbec637752d9e5c5f

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
die() { echo "build_llama: $*" >&2; exit 1; }
[[ $# -ge 1 ]] || die "usage: build_llama.sh PREFIX [--git | --npm | --tarball FILE] [--tsan]"
mkdir -p "$1"
prefix=$(cd "$1" && pwd)
shift
source=any archive= sanitize=
while [[ $# -gt 0 ]]; do
  case $1 in
    --git | --npm) source=${1#--} ;;
    --tarball) source=tarball archive=$(realpath "${2:?a file}") && shift ;;
    --tsan) sanitize=-fsanitize=thread ;;
    *) die "unknown option $1" ;;
  esac
  shift
done

stamp=$prefix/.reflex-llama
wanted="$version $tree $sanitize"
[[ $(cat "$stamp" 2>/dev/null || true) != "$wanted" ]] || exit 0

# One build at a time: presets may be configured side by side.
exec 9>"$prefix/.lock"
flock 9
[[ $(cat "$stamp" 2>/dev/null || true) != "$wanted" ]] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

from_git() {
  command -v git >/dev/null || return 1
  GIT_TERMINAL_PROMPT=0 timeout 300 git -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=20 clone -q --bare --depth 1 \
    --branch "v$version" "$upstream" "$work/git" 2>"$work/git.log" && revision=HEAD
}
from_npm() {
  local node
  node=$("$tools/node.sh") || return 1
  (cd "$work" && export PATH="$node:$PATH" && timeout 300 npm pack "$package" --silent >npm.log 2>&1) || return 1
  local file
  file=$(echo "$work"/*.tgz)
  echo "$package_sha256  $file" | sha256sum -c --quiet >&2 || die "the package $package is not the pinned one"
  tar xzf "$file" -C "$work" package/llama/gitRelease.bundle
  git clone -q --bare "$work/package/llama/gitRelease.bundle" "$work/git" && revision=HEAD
}
from_tarball() {
  mkdir "$work/tree"
  tar xzf "$archive" -C "$work/tree" --strip-components=1
  git init -q "$work/tree"
  git -C "$work/tree" -c core.autocrlf=false add -Af .
  revision=$(git -C "$work/tree" write-tree)
  mv "$work/tree/.git" "$work/git"
}

echo "build_llama: llama.cpp $version, about three minutes on two cores, once" >&2
case $source in
  any) from_git || { rm -rf "$work/git"; from_npm; } ||
    die "the sources of llama.cpp $version come neither from $upstream nor with npm; with an archive of them: build_llama.sh $prefix --tarball FILE" ;;
  git) from_git || die "no sources from $upstream: $(tail -n 1 "$work/git.log")" ;;
  npm) from_npm || die "npm could not fetch $package" ;;
  tarball) from_tarball || die "$archive cannot be read" ;;
esac
got=$(git --git-dir="$work/git" rev-parse "$revision^{tree}")
[[ $got == "$tree" ]] || die "the tree of the sources is $got, expected $tree"
mkdir "$work/source"
git --git-dir="$work/git" archive "$revision" CMakeLists.txt LICENSE cmake ggml include src vendor licenses scripts | tar x -C "$work/source"

# Without OpenMP: one thread a context. With SOURCE_DATE_EPOCH set, ggml would silently leave out AVX2, FMA and F16C.
configure=(-G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib
  -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DGGML_LLAMAFILE=ON
  -DGGML_CCACHE=OFF -DLLAMA_OPENSSL=OFF)
for part in IS_DEV COMMON TESTS TOOLS EXAMPLES SERVER APP; do configure+=("-DLLAMA_BUILD_$part=OFF"); done
# The compiler of Reflex itself; beside it there may be no other.
if command -v clang-19 >/dev/null && command -v clang++-19 >/dev/null; then
  configure+=(-DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19)
fi
[[ -z $sanitize ]] || configure+=("-DCMAKE_C_FLAGS=$sanitize" "-DCMAKE_CXX_FLAGS=$sanitize")
if command -v ccache >/dev/null; then configure+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
env -u SOURCE_DATE_EPOCH cmake -S "$work/source" -B "$work/build" "${configure[@]}" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; die "cmake failed"; }
env -u SOURCE_DATE_EPOCH cmake --build "$work/build" -j "${REFLEX_JOBS:-$(nproc)}" >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; die "the build failed"; }
cmake --install "$work/build" >/dev/null
cp "$work/source/LICENSE" "$prefix/LICENSE.llama.cpp"
echo "$wanted" >"$stamp"
