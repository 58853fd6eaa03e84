# shellcheck shell=bash
# Sourced by the scripts beside it: goes to the root of the repository and defines setup_venv, which
# makes .venv there, and what they share. PYTHON chooses another interpreter than python3.

root=$(CDPATH='' cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd -- "$root"

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# usage SCRIPT: prints the comment that a script begins with.
usage() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$1"
    exit 0
}

# step NAME COMMAND...: runs a command; if it fails, says which and ends the script.
step() {
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || fail "step '$name' failed: $*"
}

# check NAME COMMAND...: as step, but goes on, so that one run shows everything that is wrong.
failed=""
check() {
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || failed="$failed, $name"
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

# An interrupted run, or a removed Python, leaves a .venv that exists and does not work; one of a
# folder that has been renamed since has commands that start the Python of another folder, or none.
venv_is_sound() {
    .venv/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null &&
        head -n 2 .venv/bin/pip | grep -qF -- "$root/.venv/bin/"
}

# make_venv FOLDER: an environment where there is none, or a broken one.
make_venv() {
    local folder=$1 python=${PYTHON:-python3}
    if [ -e "$folder" ] && [ ! -f "$folder/pyvenv.cfg" ] && [ -n "$(ls -A "$folder")" ]; then
        fail "$root/$folder is no virtual environment, and it is not for this script to remove;" \
            "move it away"
    fi
    check_python "$python"
    step "make $folder" "$python" -m venv --clear "$folder"
}

# install NAME ARGUMENTS...: a step of pip; if it fails, says why in one line.
install() {
    local name=$1 log said missing status=0
    shift
    printf '\n== install %s\n' "$name"
    log=$(mktemp)
    # What users set for pip elsewhere would put packages outside the environment.
    env -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT PIP_USER=0 \
        python -m pip install --disable-pip-version-check "$@" 2>"$log" || status=$?
    said=$(cat "$log")
    rm "$log"
    [ -z "$said" ] || printf '%s\n' "$said" >&2
    [ "$status" -ne 0 ] || return 0
    missing=$(sed -n 's/.*No matching distribution found for \([^ ]*\).*/\1/p' <<<"$said")
    if grep -qiE 'retrying|connection|name resolution' <<<"$said"; then
        fail "cannot install $name: the package index is not reached; check the network"
    elif [ -n "$missing" ]; then
        fail "cannot install $name: there is no $missing for $(python --version); for another" \
            "version remove .venv and set PYTHON, such as PYTHON=python3.12"
    fi
    fail "cannot install $name: see what pip says above"
}

# setup_venv EXTRAS: makes or updates .venv with this package, editable, and puts it on the PATH.
setup_venv() {
    local extras=$1
    venv_is_sound || make_venv .venv
    export PATH="$root/.venv/bin:$PATH"
    local quiet=()
    # Once it is all there, only news is worth a line; before, gigabytes arrive: show progress.
    if python -m pip show --quiet cpu-gpu-env 2>/dev/null; then
        quiet=(--quiet)
    fi
    # The build tool comes first, pinned like the rest: an isolated build would fetch any version.
    install setuptools ${quiet[@]+"${quiet[@]}"} "$(grep '^setuptools==' scripts/constraints.txt)"
    install "the package with [$extras]" ${quiet[@]+"${quiet[@]}"} -c scripts/constraints.txt \
        --no-build-isolation --editable ".[$extras]"
}
