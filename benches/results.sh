#!/usr/bin/env bash
# Measures everything that benches/RESULTS.md tells, and prints it in Markdown:
#
#   bash benches/results.sh > benches/RESULTS.md          all of it, some minutes
#   bash benches/results.sh matmul train                  only these: matmul train kernels scaling profile peers
#
# The machine should do nothing else meanwhile. ALONE names a command that is put before each measurement, such as one
# that waits until it has the machine for itself. SIZES, NETWORKS and ROUNDS change what is measured; see benches/README.md
# for a machine with a GPU. The picture of `scaling` is written to benches/scaling.svg.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

parts=("$@")
if [[ $# == 0 ]]; then parts=(matmul train kernels scaling profile peers); fi
read -r -a alone <<<"${ALONE:-}"
thalweg=target/release/thalweg
python=${PYTHON:-python3}

cargo build --release --locked >&2

# section HEADING COMMAND...: the command, and what it printed.
section() {
    local heading=$1
    shift
    printf '\n## %s\n\n`%s`\n\n' "$heading" "${*/#target\/release\//}"
    "${alone[@]}" "$@"
}

processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1 || true)
dirty=$(git diff --quiet HEAD 2>/dev/null || echo ", with changes")
cat <<END
# Results

Made by \`benches/results.sh\`; benches/README.md says what each figure means.

- commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)$dirty
- processor ${processor:-unknown}, $(getconf _NPROCESSORS_ONLN) cores seen
- $("$thalweg" devices 2>/dev/null | head -n 1), $("$thalweg" devices 2>/dev/null | sed -n 's/^ *driver *//p' | head -n 1)
END

for part in "${parts[@]}"; do
    case $part in
        matmul) section "Matrix products" "$thalweg" bench matmul ${SIZES:+--sizes "$SIZES"} --quiet ;;
        train) section "Training steps" "$thalweg" bench train ${NETWORKS:+--networks "$NETWORKS"} --quiet ;;
        kernels) section "Kernels of a training step" "$thalweg" bench kernels --quiet ;;
        scaling)
            section "How cost grows" "$thalweg" bench scaling --seconds 0.2 --quiet --out benches/scaling.svg
            printf '\n![time and memory by unit of work](scaling.svg)\n'
            ;;
        profile)
            folder=$(mktemp -d)
            printf '\n## Where the time of the default run goes\n\n`thalweg train --profile --device cpu`\n\n```text\n'
            "${alone[@]}" "$thalweg" train --device cpu --quiet --profile --out "$folder/run" | sed -n '/^profile/,/^host is/p'
            printf '```\n'
            rm -r "$folder"
            ;;
        peers)
            printf '\n## Beside PyTorch, JAX and scikit-learn\n\n`python3 benches/peers/compare.py --rounds %s`\n' "${ROUNDS:-3}"
            IFS=, read -r -a networks <<<"${NETWORKS:-256-64-10:32,784-256-128-10:128,784-2048-2048-10:256,1024-1000x7-10:256}"
            IFS=, read -r -a sizes <<<"${SIZES:-1024}"
            for case in "${networks[@]/#/train:}" "${sizes[@]/#/matmul:}"; do
                "${alone[@]}" "$python" benches/peers/compare.py --rounds "${ROUNDS:-3}" --seconds "${SECONDS_EACH:-1}" --case "$case"
            done
            ;;
        *)
            printf 'results.sh: unknown part %s; there are matmul train kernels scaling profile peers\n' "$part" >&2
            exit 2
            ;;
    esac
done
