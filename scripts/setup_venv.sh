# shellcheck shell=bash
# Sourced by quickstart.sh and test.sh: goes to the root of the repository and defines
# setup_venv, which makes .venv there. PYTHON chooses another interpreter than python3.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# step NAME COMMAND...: runs a command; if it fails, says which and ends the script.
step() {
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || fail "step '$name' failed: $*"
}

# Refuses an interpreter that cannot make the environment, and says how to mend it.
check_python() {
    local python=$1 version
    command -v "$python" >/dev/null || fail "$python not found; install Python >= 3.10"
    # Not every name on the PATH runs: version managers leave stand-ins that only complain.
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
        fail "$python does not run; set PYTHON to a Python >= 3.10"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "$python is Python $version; needed: >= 3.10 (set PYTHON, such as PYTHON=python3.12)"
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python has no venv or ensurepip module; on Debian or Ubuntu:" \
            "apt-get install python$version-venv"
}

# An interrupted run, or a removed Python, leaves a .venv that exists and does not work.
venv_is_sound() {
    .venv/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

# setup_venv EXTRAS: makes or updates .venv with this package, editable, and puts it on the PATH.
setup_venv() {
    local extras=$1 python=${PYTHON:-python3}
    if ! venv_is_sound; then
        check_python "$python"
        step "make .venv" "$python" -m venv --clear .venv
    fi
    export PATH="$root/.venv/bin:$PATH"
    local install=(python -m pip install --disable-pip-version-check -c scripts/constraints.txt)
    # Once it is all there, only news is worth a line; before, gigabytes arrive: show progress.
    if python -m pip show --quiet cpu-gpu-env 2>/dev/null; then
        install+=(--quiet)
    fi
    # The build tool comes first, pinned like the rest: an isolated build would fetch any version.
    step "install setuptools" "${install[@]}" setuptools
    step "install the package with [$extras]" \
        "${install[@]}" --no-build-isolation --editable ".[$extras]"
}
