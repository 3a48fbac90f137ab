"""What the peers share: cases, the clock, and the one schema in which all print.

A record is one JSON object; a script prints a list of them, as `thalweg bench ... --format json` does:

    peer, version, device, case   who ran what on what; `case` is spelt as `thalweg bench` spells it
    median_ms, p10_ms, p90_ms     of one training step or one product, over the samples
    spread                        (p90 - p10) / median
    gflops                        operations / median; a training step counts its matrix products, and the first
                                  layer's gradient with respect to the inputs is not among them
    first_step_s                  from the start of the process (imports, device, compilation) to the first result
    peak_memory_bytes             the most that the process had resident (VmHWM), so the host's memory
    device_memory_bytes           the most that the framework took of a GPU's memory; null on a CPU
    steps_per_sample, samples     a sample is so many steps in a row and one wait for the last

Times are wall time with the wait inside. Nothing is timed that has not been compared with NumPy in double precision.
"""

import argparse
import itertools
import json
import os
import resource
import statistics
import sys
import time

IMPORTED = time.monotonic()

NETWORKS = [
    "784-256-128-10:128",
    "784-2048-2048-10:256",
    "1024-1000x7-10:256",
    "256-64-10:32",
]


def seconds_since_start():
    """Since the process began, by the kernel's clock (10 ms steps); elsewhere since this module was imported."""
    try:
        with open("/proc/self/stat") as f:
            ticks = float(f.read().rsplit(")", 1)[1].split()[19])
        with open("/proc/uptime") as f:
            return float(f.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
    except OSError:
        return time.monotonic() - IMPORTED


def peak_memory():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def quantile(samples, q):
    """The same rule as `thalweg bench`: linear between the two nearest ranks."""
    samples = sorted(samples)
    at = q * (len(samples) - 1)
    low = int(at)
    high = min(low + 1, len(samples) - 1)
    return samples[low] + (samples[high] - samples[low]) * (at - low)


class Case:
    """`train:784-256-128-10:128` or `matmul:1024`."""

    def __init__(self, text):
        self.kind, _, rest = text.partition(":")
        if self.kind == "matmul":
            self.n = int(rest)
            self.name = f"matmul {self.n}x{self.n}x{self.n}"
            self.operations = 2 * self.n**3
        elif self.kind == "train":
            widths, _, batch = rest.partition(":")
            runs = [(int(w), int(times or 1)) for w, _, times in (part.partition("x") for part in widths.split("-"))]
            self.widths, self.batch = [w for w, times in runs for _ in range(times)], int(batch)
            # A width that repeats is written once, as `thalweg bench` writes it.
            runs = [(w, len(list(same))) for w, same in itertools.groupby(self.widths)]
            self.name = f"train {'-'.join(f'{w}x{n}' if n > 1 else str(w) for w, n in runs)} batch {batch}"
            weights = [a * b for a, b in zip(self.widths, self.widths[1:])]
            self.operations = 2 * self.batch * (3 * sum(weights) - weights[0])
        else:
            raise SystemExit(f"case {text!r}: expected train:WIDTHS:BATCH or matmul:N")

    def data(self):
        """Inputs in 0..1, one class a row, and weights as PyTorch draws them; f32, the same for every peer."""
        import numpy as np

        rng = np.random.default_rng(1)
        if self.kind == "matmul":
            return [rng.uniform(-1, 1, (self.n, self.n)).astype(np.float32) for _ in range(2)]
        x = rng.uniform(0, 1, (self.batch, self.widths[0])).astype(np.float32)
        labels = np.arange(self.batch) % self.widths[-1]
        layers = []
        for inputs, outputs in zip(self.widths, self.widths[1:]):
            bound = inputs**-0.5
            draw = lambda *shape: rng.uniform(-bound, bound, shape).astype(np.float32)
            layers.append((draw(outputs, inputs), draw(outputs)))
        return x, labels, layers

    def expected(self):
        """The first row of the product, or the loss of the first step, in double precision."""
        import numpy as np

        if self.kind == "matmul":
            a, b = self.data()
            return a[0].astype(np.float64) @ b.astype(np.float64)
        x, labels, layers = self.data()
        y = x.astype(np.float64)
        for i, (w, b) in enumerate(layers):
            y = y @ w.T.astype(np.float64) + b
            y = np.maximum(y, 0) if i + 1 < len(layers) else y
        y -= y.max(axis=1, keepdims=True)
        return np.array([np.mean(np.log(np.exp(y).sum(axis=1)) - y[np.arange(len(y)), labels])])

    def check(self, found, tolerance):
        import numpy as np

        expected = self.expected()
        error = np.max(np.abs(np.asarray(found, dtype=np.float64).ravel() - expected)) / np.max(np.abs(expected))
        if not error <= tolerance:
            raise SystemExit(f"{self.name}: off by {error:.1e} of the largest value; nothing wrong is timed")


def arguments(description, modes):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--case", action="append", help="train:WIDTHS:BATCH or matmul:N; may be repeated")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--mode", default=modes[0], choices=modes)
    parser.add_argument("--dtype", default="f32", choices=["f32", "f16"], help="f16 is mixed precision in training")
    parser.add_argument("--seconds", type=float, default=2.0, help="time for the samples of a case")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    args.case = args.case or [f"train:{network}" for network in NETWORKS]
    return args


def measure(run, seconds):
    """`run(n)` does n steps and waits for the last. Returns the times of a step, and the steps of a sample."""
    run(1)
    start = time.perf_counter()
    run(2)
    each = (time.perf_counter() - start) / 2
    steps = int(min(max(0.02 / max(each, 1e-9), 1), 100))
    run(steps)
    samples, begun = [], time.perf_counter()
    while len(samples) < 5 or (time.perf_counter() - begun < seconds and len(samples) < 1000):
        start = time.perf_counter()
        run(steps)
        samples.append((time.perf_counter() - start) / steps)
    return samples, steps


def record(peer, version, device, case, samples, steps, first_step_s, device_memory=None):
    median = statistics.median(samples)
    low, high = quantile(samples, 0.1), quantile(samples, 0.9)
    return {
        "peer": peer,
        "version": version,
        "device": device,
        "case": case.name,
        "median_ms": median * 1e3,
        "p10_ms": low * 1e3,
        "p90_ms": high * 1e3,
        "spread": (high - low) / median,
        "gflops": case.operations / median / 1e9,
        "first_step_s": first_step_s,
        "peak_memory_bytes": peak_memory(),
        "device_memory_bytes": device_memory,
        "steps_per_sample": steps,
        "samples": len(samples),
    }


def main(description, modes, run_case):
    """Runs the cases; the first step of the first case is the process's own."""
    args = arguments(description, modes)
    records = [run_case(Case(text), args, first=i == 0) for i, text in enumerate(args.case)]
    print("[" + ",\n".join(json.dumps(r) for r in records) + "]")


def missing(peer, cause):
    """Says on standard error that a peer cannot run here, and ends with the status that `compare.py` knows."""
    print(f"{peer} is left out: {cause}", file=sys.stderr)
    raise SystemExit(77)
