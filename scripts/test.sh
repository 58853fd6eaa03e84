#!/usr/bin/env bash
# Set up .venv with the test tools, then run every check. Arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup_venv.sh"

install_project dev
echo "== ruff"
.venv/bin/ruff check .
.venv/bin/ruff format --check .

# mypy cannot follow an editable install whose folders are mapped to other names, so it reads an
# unpacked wheel, from a directory where the sources are out of sight.
echo "== mypy"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
.venv/bin/python -m build --wheel --no-isolation --outdir "$scratch" . >"$scratch/build.log" 2>&1 ||
    { cat "$scratch/build.log" >&2; fail "the wheel could not be built"; }
.venv/bin/python -m zipfile -e "$scratch"/*.whl "$scratch/unpacked"
(
    cd "$scratch"
    "$root/.venv/bin/mypy" --config-file "$root/pyproject.toml" \
        --python-executable "$root/.venv/bin/python" --cache-dir "$root/.mypy_cache" unpacked
)

echo "== pytest"
.venv/bin/python -m pytest "$@"
