"""PyTorch peer of inference.bench.ts: a timm network in eval mode, from uint8 pictures to scores. One JSON line.

usage: inference.py MODEL BATCH SIDE SECONDS THREADS
"""

import json
import sys
import time

import torch

# A torchvision built for another torch has no operators; timm needs it only to be there.
library = torch.library.Library("torchvision", "FRAGMENT")
try:
    import torchvision
except RuntimeError:
    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        del sys.modules[name]
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import timm

mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) * 255
deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1) * 255


def run(model, batch, side, seconds, layout):
    model = model.to(memory_format=layout)
    pictures = torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8)

    def call():
        x = pictures.permute(0, 3, 1, 2).float().sub_(mean).div_(deviation).contiguous(memory_format=layout)
        return torch.softmax(model(x), dim=-1)

    times = []
    with torch.inference_mode():
        for _ in range(3):
            call()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < 8:
            begin = time.perf_counter()
            call()
            times.append(1000 * (time.perf_counter() - begin))
    times.sort()
    return times[(len(times) - 1) // 4]


def main():
    name, batch, side, seconds, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
    torch.set_num_threads(threads)
    model = timm.create_model(name, pretrained=False).eval()
    layouts = {"channels_last": torch.channels_last, "default": torch.contiguous_format}
    results = {label: run(model, batch, side, seconds / 2, layout) for label, layout in layouts.items()}
    best = min(results, key=results.get)
    print(json.dumps({"milliseconds": results[best], "layout": best}))


main()
