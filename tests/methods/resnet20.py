"""ResNet-20 as functions of a dictionary of tensors, and what methods prune from it: nothing is shared with the engine.

Scores come from plain `torch.autograd.grad` (GraSP's Hessian product from forward over reverse mode instead of a double
backward pass), and what is kept is found by sorting.
"""

import torch
from torch.nn import functional

EPS = 0.01  # of batch normalisation in the contract tests' recipe
KEEP = 0.03


def resnet20(t, x, training):
    """Logits of the CIFAR ResNet-20 with 1×1 shortcuts, from a dictionary of tensors under timm's names."""

    def norm(h, key):
        mean, var = (None, None) if training else (t[f"{key}.running_mean"], t[f"{key}.running_var"])
        return functional.batch_norm(h, mean, var, t[f"{key}.weight"], t[f"{key}.bias"], training, eps=EPS)

    h = norm(functional.conv2d(x, t["conv1.weight"], padding=1), "bn1").relu()
    for stage in (1, 2, 3):
        for block in (0, 1, 2):
            at, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            inner = norm(functional.conv2d(h, t[f"{at}.conv1.weight"], stride=stride, padding=1), f"{at}.bn1").relu()
            inner = norm(functional.conv2d(inner, t[f"{at}.conv2.weight"], padding=1), f"{at}.bn2")
            if stride == 2:
                h = norm(functional.conv2d(h, t[f"{at}.downsample.0.weight"], stride=2), f"{at}.downsample.1")
            h = (h + inner).relu()
    return functional.linear(h.mean((2, 3)), t["fc.weight"], t["fc.bias"])


def cross_entropy(logits, labels, temperature=1.0):
    """The mean of −log softmax of the right class, from its definition."""
    scaled = logits / temperature
    return (scaled.logsumexp(1) - scaled[torch.arange(len(labels)), labels]).mean()


def minus_logit(logits, labels):
    """What the authors of FORCE differentiate."""
    return -logits[torch.arange(len(labels)), labels].mean()


def slopes(state, weights, batch, training, loss):
    """Gradients with respect to `weights`, which stand in for those of `state`."""
    leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    value = loss(resnet20(state | leaves, batch[0].double(), training), batch[1])
    return dict(zip(leaves, torch.autograd.grad(value, list(leaves.values())), strict=True))


def top(scores, count):
    """The `count` largest of all layers by sorting, and no near tie at the threshold."""
    ordered = torch.cat([score.flatten() for score in scores.values()]).sort(descending=True).values
    assert ordered[count - 1] - ordered[count] > 1e-11 * ordered[count].abs(), "the test's numbers do not decide"
    return {name: score >= ordered[count - 1] for name, score in scores.items()}


def kept(size, share):
    """How many FORCE's code keeps of so many weights."""
    return int(size * share)


def left(size, share):
    """How many SynFlow's code leaves of so many weights: it counts what it removes."""
    return size - int((1 - share) * size)


def snip(pruned, training):
    """|w · g| of every weight."""
    found = slopes(pruned.initial, pruned.dense, pruned.batches[0], training, cross_entropy)
    return {name: (weight * found[name]).abs() for name, weight in pruned.dense.items()}


def rounds(pruned, name, training, loss, steps, per_round):
    """The masks after `steps` rounds of FORCE, Iterative SNIP or GRASP-It."""
    mask = {key: torch.ones_like(weight) for key, weight in pruned.dense.items()}
    batches = iter(pruned.batches)
    for t in range(1, steps + 1):
        there = {key: weight * mask[key] for key, weight in pruned.dense.items()}
        found = [slopes(pruned.initial, there, next(batches), training, loss) for _ in range(per_round)]
        mean = {key: sum(one[key] for one in found) / per_round for key in mask}
        if name == "force":
            scores = {key: (pruned.dense[key] * mean[key]).abs() for key in mask}
        elif name == "iterative_snip":
            scores = {key: (there[key] * mean[key]).abs() for key in mask}
        else:
            scores = {key: mean[key] ** 2 * mask[key] for key in mask}
        mask = {key: one.double() for key, one in top(scores, kept(pruned.size, KEEP ** (t / steps))).items()}
    return {key: one.bool() for key, one in mask.items()}


def grasp(pruned, training):
    """θ · Hg; the forward derivative of the gradient along g is Hg. The batch, sorted by class, is seen in halves."""
    images, labels = pruned.batches[0]
    half = len(labels) // 2

    def loss(weights):
        seen = ((images[:half], labels[:half]), (images[half:], labels[half:]))
        logits = [resnet20(pruned.initial | weights, part.double(), training) for part, _ in seen]
        return sum(cross_entropy(one, right, 200.0) for one, (_, right) in zip(logits, seen, strict=True)) / 2

    gradient = torch.func.grad(loss)
    along = gradient(pruned.dense)
    _, product = torch.func.jvp(gradient, (pruned.dense,), (along,))
    return {name: weight * product[name] for name, weight in pruned.dense.items()}


def synflow(pruned, steps):
    """The masks after `steps` rounds with a network made positive."""
    positive = {key: value.abs() for key, value in pruned.initial.items()}
    weights = {name: positive[name] for name in pruned.dense}
    for t in range(1, steps + 1):
        leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
        flow = resnet20(positive | leaves, torch.ones(1, 3, 32, 32, dtype=torch.float64), False).sum()
        found = torch.autograd.grad(flow, list(leaves.values()))
        scores = {name: weights[name] * g for name, g in zip(leaves, found, strict=True)}
        mask = top(scores, left(pruned.size, KEEP ** (t / steps)))
        weights = {name: weight * mask[name] for name, weight in weights.items()}
    return mask
