#!/usr/bin/env bash
# Runs the conformance kit against a Reflex in front of the mock provider and judges the outcome.
#   tests/conformance/run.sh [PROGRAM]      default: build/release/reflex
# TIER=all has the semantic tiers on, as they are by default; else only the exact tier answers.
# GATEWAYS=4 asks four gateways on one redis-server in turn.
# OPENAI=4.104.0 tries another version of the openai SDK (in build/tools/sdk-…). Everything else is as judge.mjs says.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=$("$root/tools/node.sh")
export PATH="$bin:$PATH"
# Node brings its own list of authorities; behind a proxy that has its own, the system's list is the right one.
if [[ -z ${NODE_EXTRA_CA_CERTS:-} && -r /etc/ssl/certs/ca-certificates.crt ]]; then
  export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
fi

install() { # install FOLDER COMMAND…: three attempts, since registries have bad moments
  local folder=$1 attempt
  shift
  for attempt in 1 2 3; do
    if (cd "$folder" && "$@" >npm.log 2>&1); then
      rm -f "$folder/npm.log"
      return 0
    fi
    sleep $((attempt * 2))
  done
  tail -n 20 "$folder/npm.log" >&2
  echo "run.sh: the SDKs could not be installed with npm (3 attempts)" >&2
  echo "0 passed, 1 failed"
  exit 1
}

sdk=$root/build/tools/sdk-${OPENAI:-locked}
# Written last: a folder that npm did not finish, or that was made from other lists, is made anew.
lists() { cat "$here/package.json" "$here/package-lock.json" "$here/.npmrc"; }
if ! lists | cmp -s - "$sdk/made-from"; then
  rm -rf "$sdk"
  mkdir -p "$sdk"
  cp "$here/package.json" "$here/.npmrc" "$sdk/"
  if [[ -n ${OPENAI:-} ]]; then
    install "$sdk" npm install --no-package-lock --legacy-peer-deps "openai@$OPENAI"
  else
    cp "$here/package-lock.json" "$sdk/"
    install "$sdk" npm ci
  fi
  lists >"$sdk/made-from"
fi
export SDK_DIR=$sdk
node "$here/check-data.mjs"
exec node "$here/judge.mjs" "${1:-$root/build/release/reflex}"
