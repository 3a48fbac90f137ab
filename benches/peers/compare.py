#!/usr/bin/env python3
"""Runs thalweg and its peers on the same cases, in turns, several rounds, and prints them side by side.

    cargo build --release
    python3 benches/peers/compare.py --thalweg target/release/thalweg

Every run of every round is a process of its own. In a round each peer runs once, and the order is reversed from round to
round, so that what else the machine does hits all of them. A ratio is the peer's time over thalweg's, pair by pair of the
same round, of which the median and the range are told: above 1, thalweg is faster. A peer on the CPU is held against
thalweg's `cpu`, one on CUDA against its `gpu`. Peers that are not there are said on standard error and left out.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

from common import NETWORKS, Case

HERE = os.path.dirname(os.path.abspath(__file__))
MISSING = 77


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thalweg", default="target/release/thalweg", help="the binary")
    parser.add_argument("--thalweg-devices", default="cpu,gpu", help="its devices [cpu,gpu]; empty for peers alone")
    parser.add_argument("--devices", default="cpu,cuda", help="the peers' devices [cpu,cuda]")
    parser.add_argument("--peers", default="torch,jax,sklearn", help="[torch,jax,sklearn]")
    parser.add_argument("--case", action="append", help="train:WIDTHS:BATCH or matmul:N [the four networks, matmul:1024]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="time for the samples of one run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--f16", action="store_true", help="also the peers in f16 on CUDA")
    parser.add_argument("--compile", action="store_true", help="also torch.compile on the CPU, which takes half a minute")
    parser.add_argument("--json", help="also write all records to this file")
    return parser.parse_args()


def thalweg_runs(args):
    for device in filter(None, args.thalweg_devices.split(",")):
        def command(case, device=device):
            kind, _, rest = case.partition(":")
            what = ["train", "--no-sweep", "--networks", rest] if kind == "train" else ["matmul", "--sizes", rest]
            return [args.thalweg, "bench", *what, "--device", device, "--threads", str(args.threads),
                    "--seconds", str(args.seconds), "--format", "json"]

        yield f"thalweg {device}", device, command


def peer_runs(args):
    devices = args.devices.split(",")
    runs = []
    for peer in filter(None, args.peers.split(",")):
        for device in devices:
            modes = {"torch": ["eager"], "jax": ["jit", "loop"], "sklearn": ["partial_fit"]}[peer]
            if peer == "torch" and (device == "cuda" or args.compile):
                modes = modes + ["compile"]
            if peer == "torch" and device == "cuda":
                modes = modes + ["graphs"]
            if peer == "sklearn" and device != "cpu":
                continue
            dtypes = ["f32", "f16"] if args.f16 and device == "cuda" else ["f32"]
            runs += [(peer, device, mode, dtype) for mode in modes for dtype in dtypes]
    for peer, device, mode, dtype in runs:
        def command(case, peer=peer, device=device, mode=mode, dtype=dtype):
            if case.startswith("matmul") and (peer, mode) not in [("torch", "eager"), ("jax", "jit")]:
                return None
            return [sys.executable, os.path.join(HERE, f"peer_{peer}.py"), "--case", case, "--device", device,
                    "--mode", mode, "--dtype", dtype, "--threads", str(args.threads), "--seconds", str(args.seconds)]

        yield f"{peer} {mode} {dtype} {device}", device, command


def run(name, command, left_out):
    """The records of one process; none, said once, where it cannot run."""
    environment = dict(os.environ)
    environment.setdefault("OMP_NUM_THREADS", command[command.index("--threads") + 1])
    if "cpu" in name and "jax" in name:
        environment.setdefault("JAX_PLATFORMS", "cpu")
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1800, check=False)
    except (OSError, subprocess.TimeoutExpired) as cause:
        left_out[name] = str(cause)
        print(f"{name} is left out: {cause}", file=sys.stderr)
        return []
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        left_out[name] = said if done.returncode == MISSING else f"failed with status {done.returncode}: {said}"
        print(f"{name}: {left_out[name]}", file=sys.stderr)
        return []
    return json.loads(done.stdout)


def collect(args, case, left_out):
    """For each name, its records by round; None in a round in which it gave nothing."""
    runs = [*thalweg_runs(args), *peer_runs(args)]
    found = {name: [None] * args.rounds for name, _, _ in runs}
    for number in range(args.rounds):
        for name, _, command in runs if number % 2 == 0 else reversed(runs):
            line = command(case)
            if line is None or name in left_out:
                continue
            print(f"round {number + 1}/{args.rounds}: {case}: {name}", file=sys.stderr)
            matching = [r for r in run(name, line, left_out) if r["case"] == Case(case).name]
            found[name][number] = matching[0] if matching else None
    return runs, found


def middle(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def number(value, form):
    return "-" if value is None else format(value, form)


def rows(runs, found):
    for name, device, _ in runs:
        records = [r for r in found[name] if r]
        if not records:
            continue
        base = found.get("thalweg gpu" if device in ("cuda", "gpu") else "thalweg cpu", [None] * len(found[name]))
        pairs = [r["median_ms"] / b["median_ms"] for r, b in zip(found[name], base) if r and b]
        ratio = "-"
        if pairs and base is not found[name]:
            ratio = f"{statistics.median(pairs):.2f} ({min(pairs):.2f}-{max(pairs):.2f})"
        medians = [r["median_ms"] for r in records]
        memory, device_memory = (middle([r[k] for r in records]) for k in ("peak_memory_bytes", "device_memory_bytes"))
        yield [
            records[0]["peer"],
            records[0]["device"],
            f"{statistics.median(medians):.4g}",
            f"{min(medians):.4g}-{max(medians):.4g}",
            number(middle([r["spread"] for r in records]), ".0%"),
            number(middle([r["gflops"] for r in records]), ".4g"),
            ratio,
            number(middle([r["first_step_s"] for r in records]), ".3f"),
            number(memory and memory / 1e6, ".0f"),
            number(device_memory and device_memory / 1e6, ".0f"),
        ]


HEADINGS = ["peer", "device", "ms", "medians", "spread", "GFLOP/s", "times thalweg's", "first step, s", "MB", "GPU MB"]


def table(lines):
    widths = [max(len(line[i]) for line in [HEADINGS, *lines]) for i in range(len(HEADINGS))]
    show = lambda line: "| " + " | ".join(
        cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths))) + " |"
    rule = "|" + "|".join("-" * (w + 2) if i < 2 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([show(HEADINGS), rule, *map(show, lines)])


def main():
    args = arguments()
    everything, left_out = [], {}
    for case in args.case or [*(f"train:{network}" for network in NETWORKS), "matmul:1024"]:
        runs, found = collect(args, case, left_out)
        everything += [r for records in found.values() for r in records if r]
        print(f"\n### {Case(case).name}\n\n{table(list(rows(runs, found)))}", flush=True)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(everything, f, indent=1)


if __name__ == "__main__":
    main()
