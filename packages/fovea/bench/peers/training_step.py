"""PyTorch: training steps of ResNet-18 with the stem for small pictures, SGD with momentum. Prints one JSON line.

    python training_step.py BATCH SIZE {nchw,nhwc} STEPS
"""
import json
import os
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

batch, size, layout, steps = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


def convolution(channels, filters, kernel, stride):
    return nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False)


class Residual(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.first = nn.Sequential(convolution(channels, filters, 3, stride), nn.BatchNorm2d(filters))
        self.second = nn.Sequential(convolution(filters, filters, 3, 1), nn.BatchNorm2d(filters))
        self.skip = None
        if stride > 1 or channels != filters:
            self.skip = nn.Sequential(convolution(channels, filters, 1, stride), nn.BatchNorm2d(filters))

    def forward(self, x):
        y = self.second(F.relu(self.first(x), inplace=True))
        return F.relu(y + (x if self.skip is None else self.skip(x)), inplace=True)


def network(classes=10):
    stages, channels = [convolution(3, 64, 3, 1), nn.BatchNorm2d(64), nn.ReLU(inplace=True)], 64
    for filters in (64, 128, 256, 512):
        for index in range(2):
            stages.append(Residual(channels, filters, 2 if filters > 64 and index == 0 else 1))
            channels = filters
    return nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


order = torch.channels_last if layout == "nhwc" else torch.contiguous_format
model = network().to(memory_format=order)
optimizer = torch.optim.SGD(model.parameters(), 0.02, momentum=0.9)
pixels = torch.randn(batch, 3, size, size).to(memory_format=order)
targets = torch.arange(batch) % 10


def step():
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(model(pixels), targets)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


for _ in range(2):
    step()
times = []
for _ in range(steps):
    begin = time.perf_counter()
    step()
    times.append((time.perf_counter() - begin) * 1000)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"milliseconds": times, "peak_mib": peak}))
