#!/usr/bin/env bash
# The main job, small: synthetic faces, four landmark models, a leaderboard. Usage: demo.sh [folder with the programs]
set -euo pipefail
faceline=${1:+$1/}faceline
tag=demo-$(date +%Y%m%d-%H%M%S)
mkdir -p mlruns/demo
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT # one model that fails ends the others

train() { # model, epochs, more overrides; one thread each: the result does not depend on the number of cores
    "$faceline" train "experiment=landmarks/$1" "trainer.max_epochs=$2" data.size=96 data.batch_size=16 threads=1 \
        "tags=[$tag]" "${@:3}" 2>&1 | sed -u "s/^/$1: /"
}

echo "Drawing synthetic faces"
"$faceline" data check data.size=96 figure=mlruns/demo/data.png
echo "Training four models, two at a time"
{ train cnn 20; train resnet18 8; } &
{ train mobilenetv2 8 model.backbone_lr=1; train efficientnet_b0 5; } &
for job in $(jobs -p); do wait "$job"; done
"$faceline" compare "tags=[$tag]" output=mlruns/demo
echo
echo "Every run with its figures and its model: make ui, then open http://127.0.0.1:5000"
