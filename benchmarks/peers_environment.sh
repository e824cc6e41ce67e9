#!/usr/bin/env bash
# Makes the environments of the tools that the benchmarks hold netvet against: .venv-peers and .venv-peers-smdebug.
#
#   benchmarks/peers_environment.sh [PYTHON]      PYTHON: of netvet's own environment, by default .venv/bin/python
#
# They see the libraries of netvet's environment (torch is not installed twice) and this checkout; what they install
# themselves goes before. About 300 MB.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
[ -x "$python" ] || { echo "There is no $python: run make test first, or give the Python of netvet's environment." >&2; exit 2; }
libraries=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

make_environment() {
  "$python" -m venv "$1"
  echo '*' > "$1/.gitignore"
  local mine
  mine=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  printf '%s\n' "$libraries" "$PWD/src" "$PWD" > "$mine/zz-netvet.pth"  # after what is installed there
  "$1/bin/python" -m pip install --quiet --requirement "$2"
}

make_environment .venv-peers benchmarks/peers_environment.txt
make_environment .venv-peers-smdebug benchmarks/peers_environment_smdebug.txt
