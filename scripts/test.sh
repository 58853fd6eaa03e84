#!/usr/bin/env bash
# Style, types, direction of imports and tests: bash scripts/test.sh [arguments of pytest]

[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail
# shellcheck source=scripts/setup_venv.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/setup_venv.sh"

case "${1:-}" in
    -h | --help) usage scripts/test.sh ;;
esac

# check NAME COMMAND...: as step, but goes on, so that one run shows everything that is wrong.
failed=""
check() {
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || failed="$failed, $name"
}

# Tests of the results store start a PostgreSQL server of their own; without one they skip.
need_postgresql() {
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
    if command -v initdb >/dev/null || [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        return
    fi
    printf '\n== install postgresql\n'
    export DEBIAN_FRONTEND=noninteractive
    apt_install || { apt-get -qq update && apt_install; } ||
        printf 'cannot install postgresql: tests that need it skip, in CI they fail\n' >&2
}

apt_install() {
    apt-get -qq install --no-install-recommends postgresql >/dev/null
}

setup_venv dev
need_postgresql

check "ruff check" ruff check .
check "ruff format" ruff format --check .
check "import-linter" lint-imports
check "mypy" mypy --package cpu_gpu_env
check "documentation" sphinx-build -q -W --keep-going -b html docs docs/_build/html
# Before pytest, whose summary is to close the output.
if [ -n "$failed" ]; then
    printf '\nerror: failed: %s\n' "${failed#, }" >&2
fi

# Not python -m pytest: that puts the root on the path twice.
printf '\n== pytest\n'
status=0
pytest -n auto "$@" || status=$?
if [ "$status" -eq 0 ] && [ -n "$failed" ]; then
    status=1
fi
exit "$status"
