#!/usr/bin/env bash
# An acceptance run on a machine with a GPU, at most five minutes: `bash tests/gpu/gpu_check.sh`, from the repository's root.
#
# Knobs: DEVICE=cpu TINY=1 rehearses it without a GPU; LIMIT=seconds for all of it; PARTS="env job …" for some; PY the Python;
# MNIST a tar of the data set's folder (MNIST/raw/…), else ABLATION_DATA. It writes at most five small files to $OUT as it goes:
# a part that fails or runs out of its time costs only itself. What it found goes into docs/gpu.md.
set -u
OUT=${OUT:-$(mktemp -d)}; mkdir -p "$OUT"
DEVICE=${DEVICE:-cuda}; TINY=${TINY:-0}; LIMIT=${LIMIT:-300}; PY=${PY:-python3}
PARTS=${PARTS:-env job job-again equal table beside profile tests gate verify full}
export OUT DEVICE TINY PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
START=$(date +%s); WORK=$(mktemp -d); export WORK
: >"$OUT/log.txt"; : >"$OUT/results.jsonl"; printf 'part\trc\tseconds\n' >"$OUT/parts.tsv"
if [ -f "${MNIST:-}" ]; then mkdir -p "$WORK/data" && tar xzf "$MNIST" -C "$WORK/data" && export ABLATION_DATA="$WORK/data"; fi
if [ "$DEVICE" = cpu ]; then export CUDA_VISIBLE_DEVICES=; fi

part() { # NAME SECONDS COMMAND…: within its own time, and within what is left of LIMIT
  local name=$1 most=$2 rc begun; shift 2
  case " $PARTS " in *" $name "*|*" ${name%%:*} "*) ;; *) return 0 ;; esac
  local left=$(( LIMIT - ($(date +%s) - START) )); (( left < most )) && most=$left
  if (( most < 4 )); then printf '%s\tno time left\t0\n' "$name" | tee -a "$OUT/parts.tsv"; return 0; fi
  echo "=== $name (at most $most s), begun at $(date +%s.%N)" >>"$OUT/log.txt"
  begun=$(date +%s%N)
  timeout -k 5 "$most" "$@" >"$WORK/part.log" 2>&1; rc=$?
  { head -c 200000 "$WORK/part.log"; echo; } >>"$OUT/log.txt"
  printf '%s\t%s\t%s\n' "$name" "$rc" "$(( ($(date +%s%N) - begun) / 1000000 ))e-3" | tee -a "$OUT/parts.tsv"
}

if [ "$TINY" = 1 ]; then
  JOB=(--dataset digits --epochs 1 --seeds 2 --train-images 256); SECONDS_EACH=0.02; BENCH='cnn3 and sampling'
else
  JOB=(--dataset mnist --seeds 3); SECONDS_EACH=1.2; BENCH='(cnn2 or cnn3) and not cnn2-k4'
fi
CHECK=("$PY" tests/gpu/gpu_check.py); ABLATION=("$PY" run_ablation.py --device "$DEVICE")
BENCHMARKS=("$PY" -m pytest bench -q -p no:cacheprovider -p tests.gpu.gpu_slower -k "$BENCH" --seconds "$SECONDS_EACH")
DIGITS=(--archs cnn2 pool4 --dataset digits --epochs 2 --seeds 1 --throughput off)

part env 25 "${CHECK[@]}" env
part job 120 "${ABLATION[@]}" --archs cnn2 cnn3 "${JOB[@]}" --runs-dir "$WORK/runs" --out "$WORK/report"
part job:summary 15 "${CHECK[@]}" job
part job-again 30 "${ABLATION[@]}" --archs cnn2 cnn3 "${JOB[@]}" --runs-dir "$WORK/runs" --out "$WORK/report"
part equal 60 "${CHECK[@]}" equal
part table 70 "${CHECK[@]}" table
part beside 20 "${CHECK[@]}" beside
part profile 30 "${CHECK[@]}" profile
part tests 90 "$PY" -m pytest -q -p no:cacheprovider -m cuda tests -rsf --tb=short
part gate:old 45 "${BENCHMARKS[@]}" --benchmark-json="$WORK/old.json"
part gate:same 45 "${BENCHMARKS[@]}" --benchmark-json="$WORK/same.json"
part gate:slow 45 env SLOWER=0.15 "${BENCHMARKS[@]}" --benchmark-json="$WORK/slow.json"
part gate:AA 15 "$PY" -m bench.gate "$WORK/old.json" "$WORK/same.json"        # expected: 0
part gate:slower 15 "$PY" -m bench.gate "$WORK/old.json" "$WORK/slow.json"    # expected: 1
part verify:train 45 "${ABLATION[@]}" "${DIGITS[@]}" --deterministic --runs-dir "$WORK/det" --out "$WORK/det-report"
part verify:again 60 bash -c 'rc=0; for run in "$WORK"/det/*/; do '"$PY"' -m bench.verify "$(basename "$run")" --runs-dir "$WORK/det" || rc=1; done; exit $rc'
part full 60 "${ABLATION[@]}" --archs cnn2 --tasks vae cvae classifier "${JOB[@]}" --seeds 1 --evaluate full --throughput off --runs-dir "$WORK/runs" --out "$WORK/report-full"
if [ -d "$WORK/report" ]; then tar czf "$OUT/report.tgz" -C "$WORK" report 2>/dev/null; fi
echo "total $(( $(date +%s) - START )) s, in $OUT"
