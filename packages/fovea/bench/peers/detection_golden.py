"""Writes ../../test/golden/detection.json: what torchvision and PyTorch compute for the losses of src/nn/detection, in float64.

    python detection_golden.py
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from peer_timm import torchvision  # noqa: F401
from torchvision.ops import box_iou, complete_box_iou_loss, generalized_box_iou_loss

torch.manual_seed(11)
torch.set_default_dtype(torch.float64)


def flat(tensor):
    return [float(f"{value:.15g}") for value in tensor.detach().reshape(-1).tolist()]


def boxes(count):
    corner = torch.rand(count, 2) * 40
    return torch.cat([corner, corner + 2 + torch.rand(count, 2) * 30], 1)


def box_cases():
    found, truth = boxes(24), boxes(24)
    found[0], truth[0] = torch.tensor([0.0, 0, 4, 4]), torch.tensor([10.0, 12, 20, 15])  # apart
    found[1], truth[1] = torch.tensor([0.0, 0, 40, 40]), torch.tensor([10.0, 12, 20, 15])  # within
    for name, loss in [("generalized", generalized_box_iou_loss), ("complete", complete_box_iou_loss)]:
        x = found.clone().requires_grad_()
        value = loss(x, truth)
        value.sum().backward()
        yield {"loss": name, "found": flat(found), "truth": flat(truth), "value": flat(value), "gradient": flat(x.grad),
               "iou": flat(box_iou(found, truth).diagonal())}


def distribution_case():
    """As in the reference code of generalized focal loss: the cross-entropy of the two whole numbers, by nearness."""
    bins, points = 6, 5
    scores = torch.randn(4 * points, bins).requires_grad_()
    distances = torch.rand(4 * points) * (bins - 1.5)
    low = distances.long()
    losses = (F.cross_entropy(scores, low, reduction="none") * (low + 1 - distances)
              + F.cross_entropy(scores, low + 1, reduction="none") * (distances - low))
    losses.sum().backward()
    expected = scores.softmax(1) @ torch.arange(bins, dtype=torch.float64)
    return {"bins": bins, "points": points, "scores": flat(scores), "distances": flat(distances), "value": flat(losses),
            "gradient": flat(scores.grad), "expected": flat(expected)}


out = pathlib.Path(__file__).parent / "../../test/golden/detection.json"
out.write_text(json.dumps({"boxes": list(box_cases()), "distribution": distribution_case()}) + "\n")
