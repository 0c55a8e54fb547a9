"""PyTorch peer of transfer.bench.ts: fine-tuning ResNet-18 at 224x224. One JSON line.

usage: transfer.py MODE BATCH STEPS     MODE: blocks3 (pictures in, the last three residual blocks and the head trained)
                                              head (cached features in, the head trained)
"""

import json
import resource
import statistics
import sys
import time

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def resnet18():
    stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    blocks, inputs = [], 64
    for stage, outputs in enumerate((64, 128, 256, 512)):
        for i in range(2):
            blocks.append(Block(inputs, outputs, 2 if stage > 0 and i == 0 else 1))
            inputs = outputs
    return stem, blocks


def run(mode, batch, steps, layout):
    stem, blocks = resnet18()
    prefix = nn.Sequential(stem, *blocks[:5]).to(memory_format=layout).eval().requires_grad_(False)
    head = nn.Linear(512, 10)
    open_part = head if mode == "head" else nn.Sequential(*blocks[5:], nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).to(memory_format=layout)
    optimizer = torch.optim.SGD(open_part.parameters(), 0.01, momentum=0.9)
    images = torch.randn(batch, 3, 224, 224).to(memory_format=layout)
    features, labels = torch.randn(batch, 512), torch.arange(batch) % 10
    times = []
    for _ in range(steps + 2):
        begin = time.perf_counter()
        optimizer.zero_grad()
        if mode == "head":
            x = features
        else:
            with torch.inference_mode():
                x = prefix(images)
            x = x.clone()
        nn.functional.cross_entropy(open_part(x), labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - begin)
    return batch / statistics.median(times[2:])


if __name__ == "__main__":
    torch.set_num_threads(2)
    mode, batch, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    layouts = (torch.contiguous_format,) if mode == "head" else (torch.contiguous_format, torch.channels_last)
    speeds = {str(layout): run(mode, batch, steps, layout) for layout in layouts}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"images_per_second": max(speeds.values()), "layouts": speeds, "peak_mib": peak}))
