#!/usr/bin/env python3
"""The training step in scikit-learn: `MLPClassifier.partial_fit` on one batch, SGD without momentum, ReLU. CPU only.

Its weights are its own (Glorot's), so only its first loss is looked at: finite, and near log(classes).
"""

import math
import os

from common import main, measure, missing, record, seconds_since_start

try:
    import sklearn
    from sklearn.neural_network import MLPClassifier
except ImportError as cause:
    missing("scikit-learn", cause)


def run_case(case, args, first):
    if case.kind != "train" or args.device != "cpu" or args.dtype != "f32":
        missing("scikit-learn", "it only trains, on the CPU, in f32")
    x, labels, _ = case.data()
    net = MLPClassifier(
        hidden_layer_sizes=case.widths[1:-1], activation="relu", solver="sgd", momentum=0.0, nesterovs_momentum=False,
        alpha=0.0, batch_size=case.batch, learning_rate_init=0.01, random_state=1,
    )
    net.partial_fit(x, labels, classes=range(case.widths[-1]))
    first_step = seconds_since_start()
    if not (math.isfinite(net.loss_) and net.loss_ < 3 * math.log(case.widths[-1])):
        raise SystemExit(f"{case.name}: a first loss of {net.loss_}; nothing wrong is timed")

    def run(n):
        for _ in range(n):
            net.partial_fit(x, labels)

    samples, steps = measure(run, args.seconds)
    device = f"cpu ({os.environ.get('OMP_NUM_THREADS', args.threads)} threads)"
    return record("scikit-learn", sklearn.__version__, device, case, samples, steps, first_step if first else None)


if __name__ == "__main__":
    main(__doc__, ["partial_fit"], run_case)
