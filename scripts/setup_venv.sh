# Sourced by quickstart.sh and test.sh: goes to the repository's root and fills .venv there.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

fail() {
    echo "error: $*" >&2
    exit 1
}

# install_project EXTRAS: make .venv if need be, and install the project with these extras.
install_project() {
    local python=${PYTHON:-python3}
    command -v "$python" >/dev/null || fail "$python not found: install Python 3.10 or newer"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "$("$python" --version) is too old: Python 3.10 or newer is needed (set PYTHON=...)"
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear .venv ||
            fail "cannot make a virtual environment (on Debian: apt-get install python3-venv)"
    fi
    echo "installing into $root/.venv ..."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --constraint scripts/constraints.txt --editable ".[$1]" ||
        fail "the installation failed; see the lines above"
}
