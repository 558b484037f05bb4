#!/usr/bin/env bash
# Makes the Python that runs the servers of tests/cloud: a venv with a Cloud Storage emulator and with moto, an S3 that checks
# signatures. usage: cloud_servers.sh [FOLDER], by default build/tools/cloud. Once made it is kept; nothing is installed system-wide.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=${1:-$root/build/tools/cloud}
list=$root/tests/cloud/requirements.txt

[[ -f $home/made-from ]] && cmp -s "$list" "$home/made-from" && exit 0
rm -rf "$home"
mkdir -p "$(dirname "$home")"
if ! python3 -m venv "$home"; then
  echo "cloud_servers.sh: python3 -m venv failed (package python3-venv)" >&2
  exit 1
fi
for attempt in 1 2 3; do
  if "$home/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$list"; then
    cp "$list" "$home/made-from"
    exit 0
  fi
  echo "cloud_servers.sh: attempt $attempt to fetch $(basename "$list") failed" >&2
  sleep $((attempt * 2))
done
echo "cloud_servers.sh: the servers of tests/cloud could not be fetched; their tests fail without them" >&2
exit 1
