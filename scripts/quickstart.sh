#!/usr/bin/env bash
# From a fresh checkout to a trained and compared agent: bash scripts/quickstart.sh
# Needs Python >= 3.10; under five minutes on two cores once everything is downloaded. A second run
# replaces what the first has written to runs/quickstart.

[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail
# shellcheck source=scripts/setup_venv.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/setup_venv.sh"

case "${1:-}" in
    "") ;;
    -h | --help) usage scripts/quickstart.sh ;;
    *) fail "unknown argument '$1'; allowed: --help alone" ;;
esac

output=runs/quickstart

setup_venv render,dashboard

step "measure this machine, with four A100 from the data sheet" \
    python scripts/profile_hardware.py --quick --gpus a100-80gb:4 --output "$output/profile.json"
step "train an agent" \
    python scripts/train.py --cluster "$output/profile.json" --steps 200000 --overwrite \
    --output "$output/my-dqn"
step "fit a random forest to the oracle" \
    python scripts/train.py --agent random-forest --cluster "$output/profile.json" \
    --episodes 60 --overwrite --output "$output/my-forest"
step "compare them with every fixed scheduler and the certified bound" \
    python scripts/compare.py --cluster "$output/profile.json" --agent "$output/my-dqn" \
    --agent "$output/my-forest" --episodes 50 --output "$output/comparison" \
    --report "$output/report.html"

printf '\nDone. To see the curves and figures:\n  cd %q && .venv/bin/tensorboard --logdir %s\n' \
    "$root" "$output"
