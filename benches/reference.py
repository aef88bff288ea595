#!/usr/bin/env python3
"""Our science in plain PyTorch: the yardstick for losses, kNN and probes on the same images, recipe and epochs.

    .venv/bin/python benches/reference.py --data DIR --task moco --arch resnet20 --images 10000 --epochs 50 --queue 6400
    .venv/bin/python benches/reference.py --data DIR --task base --arch resnet20 --images 10000 --epochs 50

moco  MoCo (He et al. 2019), asymmetric loss, linear head: loss and top-1 of every epoch, weighted kNN every few; at the
      end kNN on the test set and linear probes with 10, 50 and 100 % of the labels, beside those of a random encoder
base  the supervised classifier: loss and accuracies of every epoch

Prints one JSON line per event. Images: the first N/10 of every class of the training set in file order; 10 % of them,
the same share of every class, are held out for validation; the test set is the whole 10,000. Networks, augmentation and
reader are those of torch_peer.py, the numeric format its tuned style: channels_last, bf16 autocast, for evaluation too
(--fp32 turns it off); losses, similarities and probes are always fp32.
"""
import argparse
import copy
import importlib.util
import json
import math
import pathlib
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 10
PEER = pathlib.Path(__file__).resolve().parents[2] / "shared" / "peers" / "torch_peer.py"


def load_peer(path):
    if not path.is_file():
        sys.exit(f"reference.py: no file `{path}`: say where torch_peer.py is with --peer PATH")
    spec = importlib.util.spec_from_file_location("torch_peer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def emit(event, **fields):
    rounded = {key: round(value, 5) if isinstance(value, float) else value for key, value in fields.items()}
    print(json.dumps({"event": event} | rounded), flush=True)


# --- views ---------------------------------------------------------------------------------------------------------------


def clamped_views(peer):
    """The peer's views as torchvision's transforms make them, and ours: crops that don't fit are drawn again, a crop at the
    edge repeats the edge instead of mixing in black, and values stay in 0..1 after each change of colour. All of that makes
    the pretext task harder."""

    def boxes(n, side):
        """torchvision's RandomResizedCrop: boxes that don't fit are drawn again, which favours smaller ones."""
        area = torch.empty(n, 10).uniform_(0.2, 1) * side * side
        ratio = torch.empty(n, 10).uniform_(math.log(3 / 4), math.log(4 / 3)).exp()
        w, h = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (w <= side) & (h <= side)
        first = fits.float().argmax(1, keepdim=True)
        w, h = (torch.where(fits.any(1), v.gather(1, first).squeeze(1), torch.full((n,), float(side))) for v in (w, h))
        left, top = (torch.rand(n) * (side - w + 1)).floor(), (torch.rand(n) * (side - h + 1)).floor()
        return left, top, w, h

    def view(x):
        n, side = len(x), x.shape[-1]
        x = x.float() / 255
        left, top, w, h = boxes(n, side)
        theta = torch.zeros(n, 2, 3)
        theta[:, 0, 0] = w / side * torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
        theta[:, 1, 1] = h / side
        theta[:, 0, 2], theta[:, 1, 2] = (2 * left + w) / side - 1, (2 * top + h) / side - 1
        grid = F.affine_grid(theta, x.shape, align_corners=False)
        x = F.grid_sample(x, grid, align_corners=False, padding_mode="border")
        luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
        grey = lambda x: (x * luma).sum(1, keepdim=True)
        factor = lambda: torch.empty(n, 1, 1, 1).uniform_(0.6, 1.4)
        on = lambda p: torch.rand(n, 1, 1, 1) < p
        blend = lambda x, other: (other + (x - other) * factor()).clamp(0, 1)
        j = blend(x, torch.zeros_like(x))
        j = blend(j, grey(j).mean((2, 3), keepdim=True))
        j = blend(j, grey(j))
        x = torch.where(on(0.8), j, x)
        x = torch.where(on(0.2), grey(x).expand_as(x), x)
        sigma = torch.empty(n).uniform_(0.1, 2.0)
        k = torch.exp(-0.5 * (torch.arange(-1, 2)[None] / sigma[:, None]) ** 2)
        k = k / k.sum(1, keepdim=True)
        k = (k[:, :, None] * k[:, None, :]).repeat_interleave(3, 0).unsqueeze(1)
        padded = F.pad(x, (1, 1, 1, 1), mode="reflect").reshape(1, 3 * n, side + 2, side + 2)
        blurred = F.conv2d(padded, k, groups=3 * n).view_as(x)
        x = torch.where(on(0.5), blurred, x).clamp(0, 1)
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (peer.MEAN, peer.STD))
        return ((x - mean) / std).contiguous(memory_format=torch.channels_last)

    return view


# --- data ---------------------------------------------------------------------------------------------------------------


def stratified(labels, fraction, seed):
    """(places left, places taken), each ascending: `fraction` of every class is taken."""
    generator, taken = torch.Generator().manual_seed(seed), torch.zeros(len(labels), dtype=torch.bool)
    for c in range(CLASSES):
        places = (labels == c).nonzero().flatten()
        places = places[torch.randperm(len(places), generator=generator)]
        taken[places[: round(len(places) * fraction)]] = True
    return (~taken).nonzero().flatten(), taken.nonzero().flatten()


def load_data(args):
    """(images uint8 [n, 3, 32, 32], labels [n]) of the training, validation and test part."""
    folder = args.data / "cifar-10-batches-bin"
    folder = folder if folder.exists() else args.data
    x, y = args.peer.load(folder, "train")
    first = torch.cat([(y == c).nonzero().flatten()[: args.images // CLASSES] for c in range(CLASSES)]).sort().values
    x, y = x[first], y[first]
    kept, held_out = stratified(y, 0.1, args.seed)
    return (x[kept], y[kept]), (x[held_out], y[held_out]), args.peer.load(folder, "test")


def normalise(args, x):
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (args.peer.MEAN, args.peer.STD))
    return ((x.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def batches(args, count):
    """Places of the images of each step of an epoch: shuffled, the last incomplete batch left out."""
    return torch.randperm(count)[: count // args.batch * args.batch].split(args.batch)


# --- network and optimiser ----------------------------------------------------------------------------------------------


def encoder(args, outputs):
    """Convolutions normal with variance 2 / fan out (He et al. 2015b), norms 1 and 0, linear layer ±1/sqrt(inputs)."""
    net = args.peer.net(args.arch, outputs)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net.to(memory_format=torch.channels_last)


def half(args):
    return torch.autocast("cpu", torch.bfloat16, enabled=not args.fp32)


def sgd(args, parameters, nesterov):
    return torch.optim.SGD(parameters, args.lr, 0.9, weight_decay=args.weight_decay, nesterov=nesterov, fused=True)


def cosine(optimiser, highest, step, steps):
    """Sets the rate of `step`: from `highest` at step 0 to 0 just after the last."""
    optimiser.param_groups[0]["lr"] = highest * 0.5 * (1 + math.cos(math.pi * step / steps))


def descend(optimiser, loss):
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


# --- evaluation ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def outputs(args, net, x, mirrored=False):
    """What `net` says of each image in eval mode, fp32; the mode of `net` is left as it was."""
    training = net.training
    net.eval()
    rows = []
    for part in x.split(500):
        with half(args):
            images = normalise(args, part.flip(3) if mirrored else part)
            rows.append(net(images).float())
    net.train(training)
    return torch.cat(rows)


def features(args, net, x, mirrored=False):
    """The pooled features below the head, [n, d]."""
    body = copy.copy(net)
    body._modules = dict(net._modules, fc=nn.Identity())
    return outputs(args, body, x, mirrored)


def macro(answers, labels):
    """Mean over the classes of the share of right answers."""
    return sum((answers[labels == c] == c).double().mean().item() for c in range(CLASSES)) / CLASSES


def knn(bank, bank_labels, queries, labels, k=200, temperature=0.1):
    """Weighted kNN (Wu et al. 2018, section 3.4): the k nearest by cosine vote with exp(similarity / temperature)."""
    bank, queries = F.normalize(bank, dim=1), F.normalize(queries, dim=1)
    answers = []
    for part in queries.split(1000):
        similarity, nearest = (part @ bank.T).topk(min(k, len(bank)), dim=1)
        votes = torch.zeros(len(part), CLASSES)
        votes.scatter_add_(1, bank_labels[nearest], (similarity / temperature).exp())
        answers.append(votes.argmax(1))
    return macro(torch.cat(answers), labels)


def probe(x, y, seed, epochs=100, batch=256, lr=0.1):
    """Multinomial logistic regression on features `x` [n, 2, d] of each image and its mirror, one of the two drawn per
    image and epoch; gives a classifier of features [n, d]. Weights start at 0."""
    mean, std = x.mean((0, 1)), x.std((0, 1), correction=0)
    std = torch.where(std < 1e-6, 1.0, std)
    x, generator = (x - mean) / std, torch.Generator().manual_seed(seed)
    head = nn.Linear(x.shape[2], CLASSES)
    nn.init.zeros_(head.weight), nn.init.zeros_(head.bias)
    optimiser = torch.optim.SGD(head.parameters(), lr, 0.9)
    step, steps = 0, epochs * math.ceil(len(x) / batch)
    for _ in range(epochs):
        for i in torch.randperm(len(x), generator=generator).split(batch):
            cosine(optimiser, lr, step, steps)
            which = torch.randint(2, (len(i),), generator=generator)
            descend(optimiser, F.cross_entropy(head(x[i, which]), y[i]))
            step += 1
    return lambda z: head((z - mean) / std).argmax(1)


def probes(args, name, net, data):
    """Test kNN and probes of one frozen encoder."""
    (x, y), (val, val_y), (test, test_y) = data
    start = time.perf_counter()
    both = torch.stack([features(args, net, x), features(args, net, x, mirrored=True)], 1)
    val, test = features(args, net, val), features(args, net, test)
    emit("knn", encoder=name, val_macro=knn(both[:, 0], y, val, val_y), test_macro=knn(both[:, 0], y, test, test_y),
         seconds=time.perf_counter() - start)
    for fraction in (0.1, 0.5, 1.0):
        start = time.perf_counter()
        taken = stratified(y, fraction, args.seed)[1]
        classify = probe(both[taken], y[taken], args.seed)
        emit("probe", encoder=name, train_fraction=fraction, images=len(taken),
             train_macro=macro(classify(both[taken, 0]), y[taken]), val_macro=macro(classify(val), val_y),
             test_macro=macro(classify(test), test_y), seconds=time.perf_counter() - start)


# --- MoCo ---------------------------------------------------------------------------------------------------------------


class MoCo(nn.Module):
    """He et al. 2019, algorithm 1, on one device. `queue` [d, K] holds the newest K keys."""

    def __init__(self, args):
        super().__init__()
        self.args = args
        self.query = encoder(args, args.dim)
        self.key = copy.deepcopy(self.query).requires_grad_(False)
        self.queue, self.place = F.normalize(torch.randn(args.dim, args.queue), dim=0), 0

    def forward(self, x_q, x_k):
        """The InfoNCE loss (equation 1), and how often the positive is the most similar of all K + 1."""
        with half(self.args):
            q = self.query(x_q)
        q, k = F.normalize(q.float(), dim=1), self.keys(x_k)
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ self.queue], 1) / self.args.temperature
        loss = F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))
        # a new tensor: the backward pass still needs the old one
        self.queue = self.enqueued(k)
        return loss, (logits.argmax(1) == 0).float().mean()

    @torch.no_grad()
    def keys(self, x):
        """Moves the key encoder (equation 2), then encodes."""
        for p_q, p_k in zip(self.query.parameters(), self.key.parameters()):
            p_k.lerp_(p_q, 1 - self.args.key_momentum)
        with half(self.args):
            k = self.key(x)
        return F.normalize(k.float(), dim=1)

    def enqueued(self, k):
        """The queue with the oldest keys replaced; its length need not divide by the batch."""
        queue, places = self.queue.clone(), (self.place + torch.arange(len(k))) % self.queue.shape[1]
        queue[:, places] = k.T
        self.place = (self.place + len(k)) % self.queue.shape[1]
        return queue


def moco(args, data):
    (x, y), (val, val_y), _ = data
    views = args.peer.views if args.views == "peer" else clamped_views(args.peer)
    model = MoCo(args).train()
    initial = copy.deepcopy(model.query)
    optimiser = sgd(args, model.query.parameters(), nesterov=False)
    step, steps = 0, args.epochs * (len(x) // args.batch)
    for epoch in range(1, args.epochs + 1):
        start, losses, hits = time.perf_counter(), [], []
        for i in batches(args, len(x)):
            cosine(optimiser, args.lr, step, steps)
            loss, top1 = model(views(x[i]), views(x[i]))
            descend(optimiser, loss)
            losses.append(loss.item()), hits.append(top1.item())
            step += 1
        emit("epoch", epoch=epoch, loss=sum(losses) / len(losses), top1=sum(hits) / len(hits),
             seconds=time.perf_counter() - start)
        if epoch % args.knn_every == 0 or epoch == args.epochs:
            bank, queries = features(args, model.query, x), features(args, model.query, val)
            emit("knn", encoder="moco", epoch=epoch, val_macro=knn(bank, y, queries, val_y))
    probes(args, "moco", model.query, data)
    probes(args, "random", initial, data)


# --- the supervised classifier ------------------------------------------------------------------------------------------


def base(args, data):
    (x, y), *others = data
    net = encoder(args, CLASSES).train()
    optimiser = sgd(args, net.parameters(), nesterov=True)
    step, steps = 0, args.epochs * (len(x) // args.batch)
    for epoch in range(1, args.epochs + 1):
        start, losses, hits = time.perf_counter(), [], []
        for i in batches(args, len(x)):
            cosine(optimiser, args.lr, step, steps)
            images = normalise(args, x[i])
            images = torch.where((torch.rand(len(i)) < 0.5).view(-1, 1, 1, 1), images.flip(3), images)
            with half(args):
                logits = net(images.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits.float(), y[i])
            descend(optimiser, loss)
            losses.append(loss.item()), hits.append((logits.argmax(1) == y[i]).float().mean().item())
            step += 1
        seconds, fields = time.perf_counter() - start, {}
        for name, (images, labels) in zip(("val", "test"), others):
            logits = outputs(args, net, images)
            fields |= {f"{name}_loss": F.cross_entropy(logits, labels).item(),
                       f"{name}_macro": macro(logits.argmax(1), labels)}
        emit("epoch", epoch=epoch, loss=sum(losses) / len(losses), accuracy=sum(hits) / len(hits), **fields, seconds=seconds)


# --- command line -------------------------------------------------------------------------------------------------------


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True, help="holds cifar-10-batches-bin")
    p.add_argument("--task", choices=["moco", "base"], default="moco")
    p.add_argument("--arch", choices=["resnet8", "resnet20", "resnet18"], default="resnet20")
    p.add_argument("--images", type=int, default=10_000, help="of the 50,000 training images, before the split")
    p.add_argument("--epochs", type=int, default=50)
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--queue", type=int, default=6400)
    p.add_argument("--dim", type=int, default=128, help="outputs of the head")
    p.add_argument("--temperature", type=float, default=0.07)
    p.add_argument("--key-momentum", type=float, default=0.999)
    p.add_argument("--lr", type=float, help="default: 0.03 for moco, 0.1 for base")
    p.add_argument("--weight-decay", type=float, default=5e-4)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=0, help="0 = as PyTorch chooses")
    p.add_argument("--views", choices=["torchvision", "peer"], default="torchvision",
                   help="the augmentation: clamped as torchvision's, which ours is held to, or that of torch_peer.py")
    p.add_argument("--knn-every", type=int, default=5, help="epochs between two kNN evaluations")
    p.add_argument("--fp32", action="store_true")
    p.add_argument("--peer", type=pathlib.Path, default=PEER, help="torch_peer.py")
    args = p.parse_args()
    args.lr = args.lr or {"moco": 0.03, "base": 0.1}[args.task]
    args.peer = load_peer(args.peer)
    return args


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    start, data = time.perf_counter(), load_data(args)
    settings = {key: value for key, value in vars(args).items() if key not in ("data", "peer")}
    emit("start", torch=torch.__version__, **(settings | {"threads": torch.get_num_threads()}),
         parts=[len(labels) for _, labels in data])
    if len(data[0][0]) < args.batch:
        sys.exit(f"reference.py: a batch of `{args.batch}` is more than the {len(data[0][0])} training images: lower --batch")
    {"moco": moco, "base": base}[args.task](args, data)
    emit("end", seconds=time.perf_counter() - start, peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
