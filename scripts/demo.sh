#!/usr/bin/env bash
# The main job, small: synthetic faces, four landmark models, a leaderboard, landmarks of a drawn photo.
# Usage: demo.sh [folder with the programs] [quick]
set -euo pipefail
bin=${1:+$1/} quick=${2:-}
export OMP_NUM_THREADS=1 # a thread each: the result does not depend on the number of cores
tag=demo-$(date +%Y%m%d-%H%M%S)
began=$SECONDS
mkdir -p mlruns/demo

say() { printf '\n[%d:%02d] %s\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)) "$*"; }

train() { # model, epochs, more overrides
    "${bin}faceline" train "experiment=landmarks/$1" "trainer.max_epochs=$2" "${settings[@]}" threads=1 "tags=[$tag]" \
        "${@:3}" 2>&1 | sed -u "s/^/$1: /"
}

if [ "$quick" ]; then
    settings=(data.size=64 data.batch_size=16 data.source.people=40)
    epochs=(8 2 2 2)
    echo "Four models, a few hundred steps each: the figures show the way, not what models can do."
else
    settings=(data.size=96 data.batch_size=16)
    epochs=(10 4 7 4)
    echo "Four models, two at a time; each line tells the minutes that are left."
fi

say "Drawing synthetic faces"
"${bin}faceline" data check "${settings[@]}" figure=mlruns/demo/data.png

say "Training two models at a time; the next begins when one of them ends"
export -f train say
declare -p settings tag bin >mlruns/demo/.settings
printf '%s\n' "resnet18 ${epochs[1]} model.lr=2e-3" "mobilenetv2 ${epochs[2]} model.backbone_lr=1" \
    "efficientnet_b0 ${epochs[3]}" "cnn ${epochs[0]}" |
    xargs -P 2 -I{} bash -o pipefail -c 'source mlruns/demo/.settings; train {} || exit 255' # 255: no others begin

say "Comparing them"
"${bin}faceline" compare "tags=[$tag]" output=mlruns/demo

say "Finding the landmarks of a drawn photo"
"${bin}python" - mlruns/demo/photo.png <<'PYTHON'
import sys
from PIL import Image
from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
source = SyntheticFaces(people=1, videos=1, frames=1, test_frames=0, min_width=400, max_width=400, seed=7)
Image.fromarray(source.read(source.rows(BadRows("raise"))[0])).save(sys.argv[1])
PYTHON
"${bin}faceline" predict mlruns/demo/photo.png output=mlruns/demo/landmarks.csv overlays=mlruns/demo/drawn

say "Done. The page: mlruns/demo/comparison.html; the photo: mlruns/demo/drawn; every run: make ui, http://127.0.0.1:5000"
