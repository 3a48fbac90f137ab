#!/usr/bin/env python3
"""The same work in PyTorch: eager, `torch.compile`, or (on CUDA) a training step captured as a CUDA graph.

TF32 is off, so a product in f32 is SGEMM. `--dtype f16` multiplies in f16; a training step then runs under autocast with
a scaled loss.
"""

from common import main, measure, missing, record, seconds_since_start

try:
    import torch
    import torch.nn.functional as F
except ImportError as cause:
    missing("PyTorch", cause)


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def matmul(case, args, half):
    a, b = (torch.from_numpy(x).to(args.device) for x in case.data())
    if half:
        a, b = a.half(), b.half()
    y = torch.empty_like(a)

    def product():
        return torch.mm(a, b, out=y)

    def run(n):
        for _ in range(n):
            product()
        wait(args.device)

    if args.mode != "eager":
        raise SystemExit("a product is one call: only --mode eager")
    run(1)
    first = seconds_since_start()
    case.check(y[0].float().cpu().numpy(), 2e-2 if half else 1e-4)
    return run, first


def network(case, device):
    _, _, layers = case.data()
    parts = []
    for w, b in layers:
        linear = torch.nn.Linear(w.shape[1], w.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w))
            linear.bias.copy_(torch.from_numpy(b))
        parts += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*parts[:-1]).to(device)


def train(case, args, half):
    x, labels, _ = case.data()
    x, labels = torch.from_numpy(x).to(args.device), torch.from_numpy(labels).to(args.device)
    net = network(case, args.device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    scale = 1024.0 if half else 1.0

    def step():
        optimizer.zero_grad(set_to_none=args.mode != "graphs")
        with torch.autocast(args.device, dtype=torch.float16, enabled=half):
            loss = F.cross_entropy(net(x).float(), labels)
        (loss * scale).backward()
        if half:
            for p in net.parameters():
                p.grad.mul_(1 / scale)
        optimizer.step()
        return loss

    if args.mode == "compile":
        step = torch.compile(step, mode="max-autotune" if args.device == "cuda" else "default")
    if args.mode == "graphs":
        return captured(case, net, step, half)
    loss = step()
    wait(args.device)
    first = seconds_since_start()
    case.check(loss.detach().float().cpu().numpy(), 2e-2 if half else 1e-5)

    def run(n):
        for _ in range(n):
            step()
        wait(args.device)

    return run, first


def captured(case, net, step, half):
    """One training step as a CUDA graph: warmed up on a stream of its own, as PyTorch's notes say, then replayed."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        first_loss = step()
        for _ in range(2):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    case.check(first_loss.detach().float().cpu().numpy(), 2e-2 if half else 1e-5)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def run(n):
        for _ in range(n):
            graph.replay()
        torch.cuda.synchronize()

    before = next(net.parameters()).detach().clone()
    run(1)
    first = seconds_since_start()
    if torch.equal(before, next(net.parameters())):
        raise SystemExit("the graph changed no weight: nothing wrong is timed")
    return run, first


def run_case(case, args, first):
    if args.device == "cuda" and not torch.cuda.is_available():
        missing("PyTorch on CUDA", "torch.cuda.is_available() is false")
    if args.mode == "graphs" and args.device != "cuda":
        missing("PyTorch with CUDA graphs", "only on CUDA")
    torch.set_num_threads(args.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    half = args.dtype == "f16"
    run, first_step = (matmul if case.kind == "matmul" else train)(case, args, half)
    samples, steps = measure(run, args.seconds)
    cuda = args.device == "cuda"
    device = torch.cuda.get_device_name() if cuda else f"cpu ({args.threads} threads)"
    memory = torch.cuda.max_memory_reserved() if cuda else None
    peer = f"pytorch {args.mode}" + (" f16" if half else "")
    return record(peer, torch.__version__, device, case, samples, steps, first_step if first else None, memory)


if __name__ == "__main__":
    main(__doc__, ["eager", "compile", "graphs"], run_case)
