#!/usr/bin/env bash
# Build the wheel, install it with `uv tool install` into an empty folder, and run its demo there.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$PWD/.venv/bin/uv
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
[ -z "${SSL_CERT_FILE:-}" ] || export UV_SYSTEM_CERTS=1
"$uv" build --quiet --wheel --out-dir "$place/dist"
env UV_TOOL_DIR="$place/tools" UV_TOOL_BIN_DIR="$place/bin" UV_PYTHON_DOWNLOADS=never \
  "$uv" tool install --quiet --python .venv/bin/python "$place"/dist/*.whl
cd "$place"
env -i HOME="$place/home" PATH=/usr/local/bin:/usr/bin:/bin PY_MONO_HOME="$place/state" TMPDIR="$place" "$place/bin/py-mono" demo
