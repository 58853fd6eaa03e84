#!/usr/bin/env bash
# Style, types and tests: bash scripts/test.sh [arguments of pytest]

# shellcheck source=scripts/setup_venv.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup_venv.sh"

# mypy cannot follow the editable install, where cpu_gpu_env.agents lies in agents/. So it
# checks the wheel as a user gets it, unpacked in a directory of its own; it runs from .venv, so
# it knows the types of the libraries. The wheel is built from the source archive, which proves
# that archive complete and leaves no build/ behind whose stale files a later wheel would take in.
# shellcheck disable=SC2329 # called through check
check_types() {
    python -m build --no-isolation --outdir "$scratch/dist" "$root" >"$scratch/build.log" 2>&1 || {
        cat "$scratch/build.log"
        return 1
    }
    python -m zipfile -e "$scratch"/dist/*.whl "$scratch/wheel" &&
        (cd "$scratch/wheel" &&
            mypy --config-file "$root/pyproject.toml" --cache-dir "$root/.mypy_cache" \
                --package cpu_gpu_env)
}

# check NAME COMMAND...: as step, but goes on, so that one run shows everything that is wrong.
failed=""
check() {
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || failed="$failed, $name"
}

setup_venv dev

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

check "ruff check" ruff check .
check "ruff format" ruff format --check .
check "mypy" check_types
# Before pytest, whose summary is to close the output.
if [ -n "$failed" ]; then
    printf '\nerror: failed: %s\n' "${failed#, }" >&2
fi

# Not python -m pytest: that puts the root on the path, where a bare "import agents" would work.
printf '\n== pytest\n'
status=0
pytest "$@" || status=$?
if [ "$status" -eq 0 ] && [ -n "$failed" ]; then
    status=1
fi
exit "$status"
