#!/usr/bin/env bash
# Style, types, direction of imports, the page and tests: bash scripts/test.sh [arguments of pytest]

[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail
# shellcheck source=scripts/setup_venv.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/setup_venv.sh"

case "${1:-}" in
    -h | --help) usage scripts/test.sh ;;
esac

# Tests use a PostgreSQL server of their own, a browser and Node; without them they skip.
need_debian() {
    local missing=() package
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ||
        missing+=(postgresql)
    command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        return 0
    fi
    export DEBIAN_FRONTEND=noninteractive
    for package in ${missing[@]+"${missing[@]}"}; do
        printf '\n== install %s\n' "$package"
        apt_install "$package" || { apt-get -qq update && apt_install "$package"; } ||
            printf 'cannot install %s: what needs it skips, in CI it fails\n' "$package" >&2
    done
}

apt_install() {
    apt-get -qq install --no-install-recommends "$1" >/dev/null
}

setup_venv dev
need_debian

check "ruff check" ruff check .
check "ruff format" ruff format --check .
check "import-linter" lint-imports
check "mypy" mypy --package cpu_gpu_env
check "documentation" sphinx-build -q -W --keep-going -b html docs docs/_build/html
check "page" bash scripts/check_page.sh
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
