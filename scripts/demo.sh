#!/usr/bin/env bash
# The main job, small: synthetic faces, four landmark models, a leaderboard. Usage: demo.sh [folder with the programs]
set -euo pipefail
faceline=${1:+$1/}faceline
tag=demo-$(date +%Y%m%d-%H%M%S)
models=landmarks/cnn,landmarks/resnet18,landmarks/mobilenetv2,landmarks/efficientnet_b0
set -x
"$faceline" data check data.size=96 figure=mlruns/demo/data.png
"$faceline" train --multirun "experiment=$models" data.size=96 trainer.max_epochs=10 "tags=[$tag]"
"$faceline" compare "tags=[$tag]" output=mlruns/demo
{ set +x; } 2>/dev/null
echo
echo "Every run with its figures and its model: make ui, then open http://127.0.0.1:5000"
