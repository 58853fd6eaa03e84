#!/usr/bin/env bash
# Style, types and tests of the page's sources, and whether the page that is shipped is made of
# them: bash scripts/check_page.sh
#
# Without Node it says so and checks nothing, but in CI it fails.

[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail
# shellcheck source=scripts/setup_venv.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/setup_venv.sh"

case "${1:-}" in
    "") ;;
    -h | --help) usage scripts/check_page.sh ;;
    *) fail "unknown argument '$1'; allowed: none" ;;
esac

export PYTHON="$root/.venv/bin/python" # the types are made of what it says
page=cpu_gpu_env/dashboard/page

# What keeps the tools of the page from running; empty: nothing does.
why_not() {
    if [ ! -d dashboard ]; then
        echo "there is no dashboard/ here"
    elif ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        echo "there is no Node; apt-get install nodejs npm"
    elif ! node -e 'const [a, b] = process.versions.node.split(".").map(Number)
                    process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)'; then
        echo "Node is $(node --version), and Vite needs 20.19, 22.12 or newer"
    fi
}

# Only where the lock file has changed: a clean installation takes its time.
install_packages() {
    local stamp=node_modules/.installed wanted
    wanted="$(node --version) $(sha256sum <package-lock.json)"
    [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
    npm ci --no-audit --no-fund --loglevel=error || return
    echo "$wanted" >"$stamp"
}

# Beside the page that is there, so that a check changes nothing.
compare_bundle() {
    local built status=0
    built=$(mktemp -d)
    npm exec -- vite build --outDir "$built" --emptyOutDir --logLevel error || status=$?
    if [ "$status" -eq 0 ]; then
        diff --recursive --brief "$built" "../$page" >&2 || status=$?
        [ "$status" -eq 0 ] || printf 'error: %s is not what dashboard/ makes; mend it by\n%s\n' \
            "$page" "    (cd dashboard && npm ci && npm run build) && git add $page" >&2
    fi
    rm -r "$built"
    return "$status"
}

reason=$(why_not)
if [ -n "$reason" ]; then
    [ -z "${CI:-}" ] || fail "the page cannot be checked: $reason"
    printf 'the page is not checked: %s\n' "$reason" >&2
    exit 0
fi

cd dashboard
step "npm ci" install_packages
check "types of the API" npm run --silent types:check
check "npm run check" npm run --silent check
check "the page that is shipped" compare_bundle
[ -z "$failed" ] || fail "of the page failed: ${failed#, }"
