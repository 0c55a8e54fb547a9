"""Writes ../../test/golden/nn.json: what PyTorch computes for the layers, losses, optimizers and schedules of src/nn, in float64.

    python nn_golden.py
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)


def flat(tensor):
    return [float(f"{value:.15g}") for value in tensor.detach().reshape(-1).tolist()]


def loss_case(loss, options, logits, targets, compute):
    """One case: the loss and the gradient of its sum."""
    x = logits.clone().requires_grad_()
    value = compute(x)
    value.sum().backward()
    return {
        "loss": loss, "options": options, "dims": list(logits.shape), "logits": flat(logits),
        "targetDims": list(targets.shape), "targets": flat(targets.to(torch.float64)), "value": flat(value), "gradient": flat(x.grad),
    }


def cross_entropy_cases():
    weights = [0.5, 2.0, 1.0, 0.25]
    for dims in [(4, 4), (2, 4, 2, 1)]:
        logits = torch.randn(dims) * 3
        index = torch.randint(0, 4, (dims[0], *dims[2:]))
        soft = torch.softmax(torch.randn(dims), 1)
        for reduction in ["mean", "sum", "none"]:
            for smoothing in [0, 0.1]:
                for weighted in [False, True]:
                    for form, targets in [("indices", index), ("probabilities", soft)]:
                        options = {"reduction": reduction, "labelSmoothing": smoothing, "targets": form, "spatialAxes": len(dims) - 2}
                        if weighted:
                            options["classWeights"] = weights
                        w = torch.tensor(weights) if weighted else None
                        yield loss_case("crossEntropy", options, logits, targets,
                                        lambda x: F.cross_entropy(x, targets, weight=w, reduction=reduction, label_smoothing=smoothing))


def focal_cases():
    logits = torch.randn(6, 3) * 2
    index = torch.randint(0, 3, (6,))
    weights = [0.3, 1.0, 2.0]
    for gamma in [0, 0.5, 1, 2, 2.5]:
        for weighted in [False, True]:
            def compute(x):
                log_p = F.log_softmax(x, 1)[torch.arange(6), index]
                factor = torch.tensor(weights)[index] if weighted else 1
                return (-factor * (1 - log_p.exp()) ** gamma * log_p).mean()
            options = {"gamma": gamma, **({"classWeights": weights} if weighted else {})}
            yield loss_case("focalLoss", options, logits, index, compute)
    targets = torch.tensor([[1.0, 0.0, 0.3], [0.0, 1.0, 1.0]])
    logits = torch.tensor([[0.0, -30.0, 2.0], [30.0, -3.0, 0.5]])
    for gamma, alpha in [(2, 0.25), (0, 0.25), (1.5, -1), (2, 0.75)]:
        def compute(x):
            p = torch.sigmoid(x)
            ce = F.binary_cross_entropy_with_logits(x, targets, reduction="none")
            p_t = p * targets + (1 - p) * (1 - targets)
            loss = ce * (1 - p_t) ** gamma
            return ((alpha * targets + (1 - alpha) * (1 - targets)) * loss if alpha >= 0 else loss).sum()
        yield loss_case("binaryFocalLoss", {"gamma": gamma, "alpha": alpha, "reduction": "sum"}, logits, targets, compute)


def other_cases():
    logits = torch.tensor([[0.0, -40.0, 2.0], [40.0, -3.0, 0.5]])
    targets = torch.tensor([[1.0, 0.0, 0.3], [0.0, 1.0, 1.0]])
    for reduction in ["mean", "sum", "none"]:
        for weight in [1, 3]:
            yield loss_case("binaryCrossEntropy", {"reduction": reduction, "positiveWeight": weight}, logits, targets,
                            lambda x: F.binary_cross_entropy_with_logits(x, targets, reduction=reduction, pos_weight=torch.tensor(float(weight))))
        x, y = torch.randn(3, 4) * 2, torch.randn(3, 4) * 2
        yield loss_case("meanSquaredError", {"reduction": reduction}, x, y, lambda x: F.mse_loss(x, y, reduction=reduction))
        for beta in [0, 0.5, 1]:
            yield loss_case("smoothL1", {"reduction": reduction, "beta": beta}, x, y, lambda x: F.smooth_l1_loss(x, y, reduction=reduction, beta=beta))
        yield loss_case("huber", {"reduction": reduction, "delta": 1.5}, x, y, lambda x: F.huber_loss(x, y, reduction=reduction, delta=1.5))


def optimizer_case(rule, options, make, decay=True):
    """Parameters after each of five updates on fixed gradients; the learning rate changes on the way."""
    parameter = torch.nn.Parameter(torch.randn(6))
    rates = [0.1, 0.1, 0.05, 0.02, 0.02]
    gradients = [torch.randn(6) * 10.0 ** (i - 2) for i in range(5)]
    optimizer = make([parameter])
    case = {"rule": rule, "options": options, "decay": decay, "initial": flat(parameter), "learningRates": rates, "gradients": [], "parameters": []}
    for rate, gradient in zip(rates, gradients):
        for group in optimizer.param_groups:
            group["lr"] = rate
        parameter.grad = gradient.clone()
        optimizer.step()
        case["gradients"].append(flat(gradient))
        case["parameters"].append(flat(parameter))
    return case


def optimizer_cases():
    for momentum, nesterov, dampening, decay in [(0, False, 0, 0), (0.9, False, 0, 0), (0.9, False, 0, 0.1), (0.9, True, 0, 0.1), (0.8, False, 0.3, 0.01), (0, False, 0, 0.1)]:
        options = {"momentum": momentum, "nesterov": nesterov, "dampening": dampening, "weightDecay": decay}
        yield optimizer_case("sgd", options, lambda p: torch.optim.SGD(p, lr=1, momentum=momentum, nesterov=nesterov, dampening=dampening, weight_decay=decay))
    for rule, make in [("adam", torch.optim.Adam), ("adamW", torch.optim.AdamW)]:
        for betas, eps, decay in [((0.9, 0.999), 1e-8, 0), ((0.9, 0.999), 1e-8, 0.1), ((0.8, 0.95), 1e-3, 0.05), ((0.0, 0.9), 1e-8, 0)]:
            options = {"betas": betas, "epsilon": eps, "weightDecay": decay}
            yield optimizer_case(rule, options, lambda p: make(p, lr=1, betas=betas, eps=eps, weight_decay=decay))
    yield optimizer_case("adamW", {"weightDecay": 0.1}, lambda p: torch.optim.AdamW(p, lr=1, weight_decay=0), decay=False)


def clip_case(scale):
    parameters = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2, 2))]
    gradients = [torch.randn(3) * scale, torch.randn(2, 2) * scale]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, 1.5)
    return {"maxNorm": 1.5, "dims": [[3], [2, 2]], "gradients": [flat(g) for g in gradients], "norm": float(norm), "clipped": [flat(p.grad) for p in parameters]}


def rates(make, steps, learning_rate):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=learning_rate)
    scheduler = make(optimizer)
    values = []
    for _ in range(steps):
        values.append(float(f"{optimizer.param_groups[0]['lr']:.12g}"))
        optimizer.step()
        scheduler.step()
    return values


def schedule_cases():
    s = torch.optim.lr_scheduler
    yield {"schedule": {"kind": "constant", "learningRate": 0.2}, "rates": rates(lambda o: s.ConstantLR(o, 1.0), 4, 0.2)}
    yield {"schedule": {"kind": "step", "learningRate": 0.2, "every": 3, "factor": 0.5}, "rates": rates(lambda o: s.StepLR(o, 3, 0.5), 10, 0.2)}
    yield {"schedule": {"kind": "cosine", "learningRate": 0.2, "steps": 9, "minimum": 0.01}, "rates": rates(lambda o: s.CosineAnnealingLR(o, 9, 0.01), 10, 0.2)}
    for anneal in ["cos", "linear"]:
        for steps, rising in [(10, 0.3), (17, 0.25)]:
            yield {"schedule": {"kind": "oneCycle", "maximum": 0.2, "steps": steps, "rising": rising, "divide": 20, "finalDivide": 1000, "anneal": "cosine" if anneal == "cos" else anneal},
                   "rates": rates(lambda o: s.OneCycleLR(o, 0.2, steps, pct_start=rising, div_factor=20, final_div_factor=1000, anneal_strategy=anneal, cycle_momentum=False), steps - 1, 0.2)}
    for start in [0.01, 0.25]:
        yield {"schedule": {"kind": "warmUp", "steps": 4, "start": start, "schedule": {"kind": "cosine", "learningRate": 0.2, "steps": 8}},
               "rates": rates(lambda o: s.SequentialLR(o, [s.LinearLR(o, start, 1.0, 4), s.CosineAnnealingLR(o, 8)], [4]), 12, 0.2)}


def layer_case(layer, options, module, dims):
    """A layer's parameters by their names, an input and what comes out of it in inference."""
    module.eval()
    state = {name: value for name, value in module.state_dict().items() if not name.endswith("num_batches_tracked")}
    for name, value in state.items():
        value.uniform_(0.5, 1.5) if name.endswith("running_var") else value.normal_(0, 0.5)
    x = torch.randn(dims)
    return {
        "layer": layer, "options": options, "dims": list(dims), "x": flat(x),
        "parameters": {name: {"dims": list(value.shape), "values": flat(value)} for name, value in state.items()},
        "y": flat(module(x)),
    }


class SqueezeExcite(torch.nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.fc1, self.fc2 = torch.nn.Conv2d(channels, squeezed, 1), torch.nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


def layer_cases():
    nn = torch.nn
    yield layer_case("conv2d", {"out": 2, "kernel": 3}, nn.Conv2d(3, 2, 3, padding=1), (1, 3, 4, 3))
    yield layer_case("conv2d", {"out": 4, "kernel": [1, 3], "stride": 2, "padding": [0, 2], "groups": 2, "bias": False},
                     nn.Conv2d(2, 4, (1, 3), stride=2, padding=(0, 2), groups=2, bias=False), (2, 2, 3, 3))
    yield layer_case("conv2d", {"out": 1, "kernel": 3, "dilation": 2}, nn.Conv2d(1, 1, 3, padding=2, dilation=2), (1, 1, 5, 4))
    yield layer_case("batchNorm2d", {"epsilon": 0.01}, nn.BatchNorm2d(3, eps=0.01), (2, 3, 1, 2))
    yield layer_case("layerNorm", {}, nn.LayerNorm(4), (2, 3, 4))
    yield layer_case("linear", {"out": 2}, nn.Linear(3, 2), (2, 3))
    yield layer_case("linear", {"out": 2, "rank": 3}, nn.Linear(3, 2), (2, 2, 3))
    yield layer_case("linear", {"out": 2, "rank": 3, "bias": False}, nn.Linear(3, 2, bias=False), (2, 2, 3))
    yield layer_case("maxPool", {"kernel": 3, "stride": 2, "padding": 1}, nn.MaxPool2d(3, 2, 1), (1, 2, 4, 5))
    yield layer_case("averagePool", {"kernel": 2, "padding": 1}, nn.AvgPool2d(2, padding=1), (1, 2, 3, 3))
    yield layer_case("globalAveragePool", {}, nn.AdaptiveAvgPool2d(1), (2, 2, 3, 2))
    yield layer_case("flatten", 6, nn.Flatten(), (2, 2, 3, 2))
    yield layer_case("dropout", 0.5, nn.Dropout(0.5), (2, 3))
    yield layer_case("squeezeExcite", {"squeezed": 2}, SqueezeExcite(4, 2), (2, 4, 2, 2))
    for name, module in {
        "identity": nn.Identity(), "relu": nn.ReLU(), "relu6": nn.ReLU6(), "leakyRelu": nn.LeakyReLU(), "elu": nn.ELU(), "sigmoid": nn.Sigmoid(),
        "tanh": nn.Tanh(), "softplus": nn.Softplus(), "silu": nn.SiLU(), "gelu": nn.GELU(), "geluTanh": nn.GELU(approximate="tanh"),
        "hardSigmoid": nn.Hardsigmoid(), "hardSwish": nn.Hardswish(), "mish": nn.Mish(),
    }.items():
        case = layer_case("activation", name, nn.Identity(), (1, 12))
        x = torch.linspace(-8, 8, 12)
        yield {**case, "x": flat(x), "y": flat(module(x))}


golden = {
    "torch": torch.__version__.split("+")[0],
    "layers": list(layer_cases()),
    "losses": [*cross_entropy_cases(), *focal_cases(), *other_cases()],
    "optimizers": list(optimizer_cases()),
    "clip": [clip_case(1), clip_case(0.1)],
    "schedules": list(schedule_cases()),
}
target = pathlib.Path(__file__).resolve().parents[2] / "test/golden/nn.json"
lines = ",\n".join(f'"{key}": ' + ("[\n" + ",\n".join(map(json.dumps, value)) + "\n]" if isinstance(value, list) else json.dumps(value)) for key, value in golden.items())
target.write_text("{\n" + lines + "\n}\n")
print(target, target.stat().st_size)
