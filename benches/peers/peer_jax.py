#!/usr/bin/env python3
"""The same work in JAX: one `jit` call a step with donated arguments, or a loop of steps under one `jit`.

On a GPU the products run at the highest precision, so that no TF32 is used. `--dtype f16` multiplies in f16.
"""

import os

from common import main, measure, missing, record, seconds_since_start

# The CPU's backend alone, or the GPU's with the CPU's beside it: said before JAX is imported, which looks once.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
try:
    import jax
    import jax.numpy as jnp
except ImportError as cause:
    missing("JAX", cause)


def matmul(case, args, half):
    kind = jnp.float16 if half else jnp.float32
    a, b = (jnp.asarray(x, dtype=kind) for x in case.data())
    product = jax.jit(jnp.matmul)

    if args.mode == "loop":
        missing("JAX's loop of products", "what keeps a product from being hoisted out of the loop would be timed too")

    def run(n):
        for _ in range(n):
            y = product(a, b)
        y.block_until_ready()

    run(1)
    first = seconds_since_start()
    case.check(product(a, b)[0].astype(jnp.float32), 2e-2 if half else 1e-4)
    return run, first


def train(case, args, half):
    x, labels, layers = case.data()
    x, labels = jnp.asarray(x), jnp.asarray(labels)
    kind = jnp.float16 if half else jnp.float32

    def loss_of(parameters):
        y = x
        for i, (w, b) in enumerate(parameters):
            y = jnp.matmul(y.astype(kind), w.T.astype(kind)).astype(jnp.float32) + b
            y = jax.nn.relu(y) if i + 1 < len(parameters) else y
        log = jax.nn.log_softmax(y)
        return -jnp.mean(log[jnp.arange(len(labels)), labels])

    def step(parameters):
        loss, gradients = jax.value_and_grad(loss_of)(parameters)
        return jax.tree.map(lambda p, g: p - 0.01 * g, parameters, gradients), loss

    def steps(n, parameters):
        # The losses are not kept, as they are not by a caller of `step` who does not read them.
        return jax.lax.fori_loop(0, n, lambda _, p: step(p)[0], parameters)

    once = jax.jit(step, donate_argnums=0)
    loop = jax.jit(steps, donate_argnums=1)
    fresh = lambda: [(jnp.array(w), jnp.array(b)) for w, b in layers]
    state = [fresh()]

    def run(n):
        parameters = state[0]
        if args.mode == "loop":
            parameters = loop(n, parameters)
        else:
            for _ in range(n):
                parameters, _ = once(parameters)
        jax.block_until_ready(parameters)
        state[0] = parameters

    run(1)
    first = seconds_since_start()
    case.check(loss_of(fresh()), 2e-2 if half else 1e-5)
    return run, first


def run_case(case, args, first):
    jax.config.update("jax_default_matmul_precision", "highest")
    kind = "gpu" if args.device == "cuda" else "cpu"
    try:
        found = jax.devices(kind)[0]
    except RuntimeError as cause:
        missing(f"JAX on {args.device}", cause)
    half = args.dtype == "f16"
    with jax.default_device(found):
        run, first_step = (matmul if case.kind == "matmul" else train)(case, args, half)
        samples, steps = measure(run, args.seconds)
    cuda = args.device == "cuda"
    memory = found.memory_stats().get("peak_bytes_in_use") if cuda else None
    device = found.device_kind if cuda else f"cpu ({len(os.sched_getaffinity(0))} threads)"
    peer = f"jax {args.mode}" + (" f16" if half else "")
    return record(peer, jax.__version__, device, case, samples, steps, first_step if first else None, memory)


if __name__ == "__main__":
    main(__doc__, ["jit", "loop"], run_case)
