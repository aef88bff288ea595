#!/usr/bin/env python3
"""Makes the golden values beside this file: what PyTorch 2.11 and torchvision 0.26 compute, for our tests to meet.

    python3 -m venv .venv && .venv/bin/pip install torch==2.11.0 torchvision==0.26.0 safetensors
    .venv/bin/python tests/golden/make.py

networks.safetensors  forward, loss, gradients and running statistics of four ResNets whose weights are a formula
optim.json            SGD, learning-rate schedules, gradient clipping, cross entropy with label smoothing
moco.json             InfoNCE and the split batch norm of MoCo's CIFAR demo

Everything is computed in float64 on the CPU, so that it is the truth for a float32 computation; networks.safetensors is
rounded to float32 at the end. Its metadata holds, as `NETWORK.float32_error`, how far PyTorch itself in float32 is from
these values: a rectifier whose input is nearly 0 goes the other way, and the gradients of all layers below move a little.
"""
import copy
import json
import math
import pathlib
import re

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file
from torch import nn

HERE = pathlib.Path(__file__).parent
LABELS = torch.tensor([0, 3, 9, 5])


# --- weights by formula -------------------------------------------------------------------------------------------------


def fnv1a32(name):
    """The 32-bit FNV-1a hash of the UTF-8 bytes of `name`."""
    h = 2166136261
    for byte in name.encode():
        h = (h ^ byte) * 16777619 % 2**32
    return h


def u(name, count):
    """`count` numbers in [-1, 1), float64: number i from hash + i * 2654435761, mixed by murmur3's
    shifts and xxhash's primes."""
    x = (np.uint64(fnv1a32(name)) + np.arange(count, dtype=np.uint64) * np.uint64(2654435761)) % np.uint64(2**32)
    x ^= x >> np.uint64(16)
    x = x * np.uint64(2246822519) % np.uint64(2**32)
    x ^= x >> np.uint64(13)
    x = x * np.uint64(3266489917) % np.uint64(2**32)
    x ^= x >> np.uint64(16)
    return x.astype(np.float64) / 2**31 - 1


def fill(name, shape, modules):
    """The parameter `name`, row-major: computed in float64, rounded once to float32."""
    layer, kind = modules[name.rsplit(".", 1)[0]], name.rsplit(".", 1)[1]
    value = u(name, math.prod(shape))
    if isinstance(layer, nn.BatchNorm2d):
        value = (1 if kind == "weight" else 0) + 0.1 * value
    elif isinstance(layer, nn.Conv2d):
        value = math.sqrt(6 / math.prod(shape[1:])) * value
    else:
        value = 1 / math.sqrt(layer.in_features) * value
    return torch.from_numpy(value.astype(np.float32)).reshape(shape)


# --- networks -----------------------------------------------------------------------------------------------------------


class Small(nn.Module):
    """The CIFAR ResNet of He et al. 2015, section 4.2, 6n+2 layers, with projections; named like torchvision's."""

    def __init__(self, n, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        channels = 16
        for stage, width in enumerate((16, 32, 64)):
            blocks = []
            for k in range(n):
                stride, fits = 2 if stage > 0 and k == 0 else 1, channels == width
                shortcut = None if fits else nn.Sequential(
                    nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))
                blocks.append(torchvision.models.resnet.BasicBlock(channels, width, stride, shortcut))
                channels = width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(64, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def torchvision_net(arch, stem):
    net = getattr(torchvision.models, arch)(num_classes=10)
    if stem == "cifar":
        net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    return net


def pass_through(net, x):
    """One training pass and what it leaves: every golden value of a network, by name."""
    modules = dict(net.named_modules())
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(fill(name, p.shape, modules))
    logits = net.train()(x)
    loss = F.cross_entropy(logits, LABELS)
    loss.backward()
    gradients = []
    for p in net.parameters():
        g, n = p.grad.flatten(), p.numel()
        gradients.append(torch.stack([g.norm(), g[0], g[n // 3], g[n // 2], g[n - 1]]))
    norms = [m for m in modules.values() if isinstance(m, nn.BatchNorm2d)]
    running = [torch.cat([m.running_mean[:4], m.running_var[:4]]) for m in norms]
    with torch.no_grad():
        evaluated = net.eval()(x)
    return {"train_logits": logits.detach(), "eval_logits": evaluated, "loss": loss.detach(),
            "gradients": torch.stack(gradients), "running": torch.stack(running),
            "sizes": torch.tensor([p.numel() for p in net.parameters()])}


def float32_error(truth, single):
    """How far PyTorch's own float32 is from float64, at worst: logits and running statistics over the largest value,
    gradient norms over themselves, gradient samples over the root mean square of their tensor's gradient."""
    over = lambda key: ((single[key].double() - truth[key]).abs().max() / truth[key].abs().max()).item()
    want, sizes = truth["gradients"], truth["sizes"].double()[:, None]
    apart = (single["gradients"].double() - want).abs() / want[:, :1]
    errors = {key: over(key) for key in ("train_logits", "eval_logits", "running")}
    errors |= {"gradient_norms": apart[:, 0].max().item(), "gradient_samples": (apart[:, 1:] * sizes.sqrt()).max().item()}
    return {key: float(f"{error:.0e}") for key, error in errors.items()}


def networks():
    made = {"resnet18-cifar": (torchvision_net("resnet18", "cifar"), 32),
            "resnet18-imagenet": (torchvision_net("resnet18", "imagenet"), 64),
            "resnet50-cifar": (torchvision_net("resnet50", "cifar"), 32),
            "resnet20": (Small(3, 10), 32)}
    tensors, names = {}, {}
    for key, (net, side) in made.items():
        x = torch.from_numpy(u("input", 4 * 3 * side * side).astype(np.float32)).reshape(4, 3, side, side)
        single = pass_through(copy.deepcopy(net), x)
        truth = pass_through(net.double(), x.double())
        tensors |= {f"{key}.{name}": value.float().contiguous() for name, value in truth.items() if name != "sizes"}
        names[f"{key}.parameters"] = [name for name, _ in net.named_parameters()]
        names[f"{key}.norms"] = [name for name, m in net.named_modules() if isinstance(m, nn.BatchNorm2d)]
        names[f"{key}.float32_error"] = float32_error(truth, single)
        print(key, tuple(truth["gradients"].shape), f"loss {truth['loss']:.6f}", names[f"{key}.float32_error"])
    for name in ("input", "conv1.weight"):
        tensors[f"u.{name}"] = torch.from_numpy(u(name, 8).astype(np.float32))
    names["about"] = ("computed in float64, stored in float32; gradients: [L2 norm, value at 0, n//3, n//2, n-1] of each "
                      "parameter; running: first 4 means, then first 4 variances of each norm, after one training pass; "
                      "u.NAME: the formula's first 8 numbers for NAME; labels 0 3 9 5")
    # one key: the library writes several in no fixed order
    path = HERE / "networks.safetensors"
    save_file(tensors, path, {"golden": json.dumps(names)})
    path.chmod(0o644)


# --- optimiser and schedules --------------------------------------------------------------------------------------------


def vector(name, *shape):
    """Numbers with three decimals in [-1, 1), so that the JSON holds them exactly as used."""
    return torch.from_numpy(np.round(u(name, math.prod(shape)), 3)).reshape(shape)


def sgd(nesterov):
    p = nn.Parameter(vector("weights", 5))
    gradients = [vector(f"gradient {k}", 5) for k in range(3)]
    optimiser = torch.optim.SGD([p], lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=nesterov)
    case = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": nesterov, "start": p.tolist(),
            "gradients": [g.tolist() for g in gradients], "after": [], "momentum_buffers": []}
    for g in gradients:
        p.grad = g.clone()
        optimiser.step()
        case["after"].append(p.tolist())
        case["momentum_buffers"].append(optimiser.state[p]["momentum_buffer"].tolist())
    return case


def rates(make, steps, **settings):
    """The rate (and momentum) that step 0, 1, … uses: 50 steps."""
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    schedule = make(optimiser, **settings)
    lr, momentum = [], []
    for step in range(steps):
        lr.append(optimiser.param_groups[0]["lr"])
        momentum.append(optimiser.param_groups[0]["momentum"])
        optimiser.step()
        if step + 1 < steps:
            schedule.step()
    return {"settings": settings, "lr": lr, "momentum": momentum}


def plateau(mode, values):
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    settings = {"mode": mode, "factor": 0.1, "patience": 3, "threshold": 1e-4, "threshold_mode": "rel"}
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, **settings)
    lr = []
    for value in values:
        schedule.step(value)
        lr.append(optimiser.param_groups[0]["lr"])
    return {"settings": settings, "start": 0.1, "values": values, "lr_after": lr}


# plateaus of gains below the threshold (0.6 * 1e-4), of exact ties, and one that a real gain ends in time
ACCURACIES = [0.30, 0.42, 0.50, 0.55, 0.60, 0.60003, 0.60005, 0.60, 0.59, 0.61, 0.62, 0.61, 0.62, 0.615, 0.63,
              0.63, 0.629, 0.628, 0.63, 0.63, 0.63, 0.63, 0.64, 0.64, 0.63, 0.62, 0.61]
LOSSES = [2.30, 1.90, 1.60, 1.45, 1.40, 1.39995, 1.3999, 1.41, 1.40, 1.30, 1.25, 1.26, 1.27, 1.26, 1.24,
          1.24, 1.25, 1.26, 1.25, 1.24, 1.24, 1.24, 1.10, 1.11, 1.12, 1.11, 1.12]


def clip(max_norm, scale):
    """Clips two tensors by their common norm."""
    parameters = [nn.Parameter(torch.zeros(n, dtype=torch.float64)) for n in (4, 3)]
    for k, p in enumerate(parameters):
        p.grad = vector(f"clip {k}", p.numel()) * scale
    case = {"max_norm": max_norm, "gradients": [p.grad.tolist() for p in parameters]}
    case["norm"] = torch.nn.utils.clip_grad_norm_(parameters, max_norm).item()
    return case | {"clipped": [p.grad.tolist() for p in parameters]}


def cross_entropy(smoothing):
    logits, labels = (vector("logits", 3, 5) * 4).requires_grad_(), [1, 4, 0]
    loss = F.cross_entropy(logits, torch.tensor(labels), label_smoothing=smoothing)
    loss.backward()
    return {"label_smoothing": smoothing, "logits": logits.tolist(), "labels": labels, "loss": loss.item(),
            "gradient": logits.grad.tolist()}


def optim():
    schedules = torch.optim.lr_scheduler
    write("optim.json", {
        "sgd": [sgd(False), sgd(True)],
        "schedules": {
            "cosine": rates(schedules.CosineAnnealingLR, 51, T_max=50),
            "multistep": rates(schedules.MultiStepLR, 50, milestones=[20, 35], gamma=0.1),
            "one_cycle": rates(schedules.OneCycleLR, 50, max_lr=0.1, total_steps=50, pct_start=0.3)},
        "plateau": [plateau("max", ACCURACIES), plateau("min", LOSSES)],
        "clip_grad_norm": [clip(1.0, 3.0), clip(1.0, 0.1)],
        "cross_entropy": [cross_entropy(0.0), cross_entropy(0.1)]})


# --- MoCo ---------------------------------------------------------------------------------------------------------------


def info_nce(temperature=0.07):
    """He et al. 2019, equation 1, as in their algorithm 1."""
    raw = vector("queries", 6, 8).requires_grad_()
    k = F.normalize(0.7 * raw.detach() + vector("keys", 6, 8), dim=1)
    queue = F.normalize(vector("queue", 8, 20), dim=0)
    q = F.normalize(raw, dim=1)
    positive, negative = (q * k).sum(1, keepdim=True), q @ queue
    logits = torch.cat([positive, negative], 1) / temperature
    loss = F.cross_entropy(logits, torch.zeros(6, dtype=torch.long))
    loss.backward()
    above = (logits[:, 1:] > logits[:, :1]).sum(1)
    return {"temperature": temperature, "queries": raw.tolist(), "keys": k.tolist(), "queue": queue.tolist(),
            "loss": loss.item(), "gradient": raw.grad.tolist(), "top1": (above < 1).double().mean().item(),
            "top5": (above < 5).double().mean().item(), "positive_similarity": positive.mean().item(),
            "negative_similarity": negative.mean().item()}


class SplitBatchNorm(nn.BatchNorm2d):
    """As in FAIR's CIFAR demo of MoCo: splits of the batch as if on several devices, running statistics averaged."""

    def __init__(self, features, splits):
        super().__init__(features)
        self.num_splits = splits

    def forward(self, x):
        n, c, h, w = x.shape
        mean, var = self.running_mean.repeat(self.num_splits), self.running_var.repeat(self.num_splits)
        outcome = F.batch_norm(x.view(-1, c * self.num_splits, h, w), mean, var, self.weight.repeat(self.num_splits),
                               self.bias.repeat(self.num_splits), True, self.momentum, self.eps).view(n, c, h, w)
        self.running_mean.copy_(mean.view(self.num_splits, c).mean(0))
        self.running_var.copy_(var.view(self.num_splits, c).mean(0))
        return outcome


def split_batch_norm(splits=2):
    """Training pass on [8, 3, 2, 2]. The view puts sample i into split i mod `splits`; checked here by a norm of each."""
    norm = SplitBatchNorm(3, splits).double()
    x, upstream = vector("split input", 8, 3, 2, 2).requires_grad_(), vector("split upstream", 8, 3, 2, 2)
    with torch.no_grad():
        norm.weight.copy_(1 + 0.5 * vector("split weight", 3))
        norm.bias.copy_(vector("split bias", 3))
        norm.running_mean.copy_(vector("split mean", 3))
        norm.running_var.copy_(1 + 0.5 * vector("split var", 3))
    before = {name: value.tolist() for name, value in norm.state_dict().items() if name != "num_batches_tracked"}
    parts = [[i for i in range(8) if i % splits == s] for s in range(splits)]
    alone = [copy.deepcopy(norm) for _ in parts]
    outcome = norm(x)
    outcome.backward(upstream)
    for part, one in zip(parts, alone):
        one.num_splits = 1
        assert torch.allclose(one(x[part]), outcome[part])
    assert torch.allclose(torch.stack([one.running_var for one in alone]).mean(0), norm.running_var)
    return {"num_splits": splits, "eps": norm.eps, "momentum": norm.momentum, "samples_of_split": parts,
            "before": before, "input": x.tolist(), "upstream": upstream.tolist(), "output": outcome.tolist(),
            "running_mean": norm.running_mean.tolist(), "running_var": norm.running_var.tolist(),
            "input_gradient": x.grad.tolist(), "weight_gradient": norm.weight.grad.tolist(),
            "bias_gradient": norm.bias.grad.tolist()}


def moco():
    write("moco.json", {"info_nce": info_nce(), "split_batch_norm": split_batch_norm()})


def write(name, value):
    versions = {"torch": torch.__version__.split("+")[0], "torchvision": torchvision.__version__.split("+")[0]}
    text = json.dumps({"made_by": "tests/golden/make.py", "dtype": "float64"} | versions | value, indent=1)
    # a row of numbers on one line
    text = re.sub(r"\[\s*(-?\d[-0-9.e+,\s]*?)\s*\]", lambda row: "[" + " ".join(row[1].split()) + "]", text)
    (HERE / name).write_text(text + "\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    networks()
    optim()
    moco()
