#!/usr/bin/env bash
# Records the runs that this and every later version must read: tests/runs/record.sh FOLDER BIN, with BIN the folder of the
# programs. They are kept once for each version of the format (`v1`), and never recorded anew: that is what they are for.
set -euo pipefail
cd "$(dirname "$0")"
folder=$1 mocolab=$2/mocolab
[ ! -e "$folder" ] || { echo "record.sh: there is a \`$folder\` already" >&2; exit 1; }
mkdir -p "$folder"
cp experiments.toml "$folder/"
cd "$folder"

# Waits until the run $1 has made step $2, then kills its trainer.
strike() {
    local run
    until run=$(ls -d "runs/$1"/*/ 2>/dev/null) && grep -q "\"kind\":\"step\",\"step\":$2," "$run/events.jsonl" 2>/dev/null; do sleep 0.05; done
    pkill -9 -f "mocolab-train.*/$1/"
    sleep 1
}

"$mocolab" start base 'moco*' 'probe*' groups --wait --device cpu
"$mocolab" start failed --wait --device cpu || true
"$mocolab" start resumed --device cpu
strike resumed 60
printf '{"v":1,"attempt":1,"se' >>"$(ls -d runs/resumed/*/)events.jsonl"
"$mocolab" resume resumed --wait --device cpu
"$mocolab" start stopped --device cpu
until grep -q '"epoch":3,' runs/stopped/*/events.jsonl; do sleep 0.05; done
"$mocolab" stop stopped
sleep 2
"$mocolab" start crashed --device cpu
strike crashed 60
# The networks are large: one is enough, the stopped run's.
for run in runs/*/*/; do
    case $run in runs/stopped/*) ;; *) rm -f "$run"checkpoints/*.safetensors ;; esac
done
rm -rf cache runs/.starts runs/.trash
du -sh runs
