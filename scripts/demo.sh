#!/usr/bin/env bash
# The main job, small: synthetic faces, four landmark models, a leaderboard. Usage: demo.sh [folder with the programs]
set -euo pipefail
bin=${1:+$1/}
models=landmarks/cnn,landmarks/resnet18,landmarks/mobilenetv2,landmarks/efficientnet_b0
tag=demo-$(date +%Y%m%d-%H%M%S)
"${bin}faceline" data check data=demo figure=mlruns/demo/data.png
"${bin}faceline" train --multirun "experiment=$models" data=demo +scale=demo "tags=[$tag]"
"${bin}faceline" compare "tags=[$tag]" output=mlruns/demo
echo
echo "Every run, its figures and its model: make ui, then open http://127.0.0.1:5000"
