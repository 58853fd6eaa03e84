#!/usr/bin/env bash
# From a fresh clone to a trained scheduler: set up .venv, measure this machine, train, compare.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup_venv.sh"

step() {
    echo
    echo "== $1"
    shift
    "$@" || fail "this step failed: $*"
}

install_project render,train
python=.venv/bin/python
out=runs/quickstart

step "1/3 Measure this machine (and add four A100 of the catalogue)" \
    $python scripts/profile_hardware.py --quick --gpus a100-80gb:4 --output $out/profile.json
step "2/3 Train a DQN on it" \
    $python scripts/train.py --cluster $out/profile.json --steps 40000 --output $out/dqn
step "3/3 Compare it with every other scheduler on held-out episodes" \
    $python scripts/compare.py --cluster $out/profile.json --agent $out/dqn \
    --output $out/comparison

echo
echo "Look at it: $root/.venv/bin/tensorboard --logdir $root/$out"
