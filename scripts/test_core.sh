#!/usr/bin/env bash
# The tests that need no extras, in a fresh environment: bash scripts/test_core.sh lowest|newest
# lowest: with the lowest versions that pyproject.toml allows; newest: with the newest there are.
# PYTHON chooses the interpreter; further arguments go to pytest.

[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail
# shellcheck source=scripts/setup_venv.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/setup_venv.sh"

versions=${1:-}
case "$versions" in
    lowest | newest) shift ;;
    -h | --help) usage scripts/test_core.sh ;;
    *) fail "first argument is '$versions'; allowed: lowest, newest" ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
make_venv "$scratch/venv"
export PATH="$scratch/venv/bin:$PATH"

pins="$scratch/pins.txt"
python - "$versions" >"$pins" <<'PYTHON'
import re, sys

core = re.search(r"^dependencies = \[(.*)\]$", open("pyproject.toml").read(), re.M)[1]
if sys.argv[1] == "lowest":
    print("\n".join(re.findall(r'"(.*?)"', core.replace(">=", "=="))))
PYTHON
install "the core with the $versions versions" -c "$pins" . pytest hypothesis
python -m pip list

# Away from the root, so that what was installed is tested; the paths of the tests stay.
cd "$scratch"
pytest -c "$root/pyproject.toml" --rootdir "$root" -p no:cacheprovider "$@" \
    "$root"/tests/{model,problem,baselines/schedulers,packaging/test_start.py} \
    "$root"/tests/envs --ignore "$root/tests/envs/test_clients.py"
