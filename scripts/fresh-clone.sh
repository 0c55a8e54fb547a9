#!/usr/bin/env bash
# Clones what is committed into a temporary folder and runs `npm start` and `npm test` there, as a newcomer would.
# Usage: scripts/fresh-clone.sh [start|test ...]    (both when none is given)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/fovea-clone.XXXXXX")
trap 'rm -rf "$folder"' EXIT
git clone --quiet "$root" "$folder/fovea"
cd "$folder/fovea"
export FOVEA_SHARED_DATA="${FOVEA_SHARED_DATA:-$root/../shared/data}"
# The project must bring its own Node: take the one of this checkout out of the way.
PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -v 'node_modules/.bin' | paste -sd:)
echo "fresh clone of $(git rev-parse --short HEAD), Node $(node --version), npm $(npm --version)"
[ $# -gt 0 ] || set -- start test
for command in "$@"; do
  began=$SECONDS
  npm "$command"
  echo "npm $command: $((SECONDS - began)) s"
done
dirty=$(git status --porcelain)
if [ -n "$dirty" ]; then
  printf 'The commands left files that git does not ignore:\n%s\n' "$dirty"
  exit 1
fi
