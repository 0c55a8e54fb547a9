"""Pictures a second of torchvision's usual way: PIL, transforms v2 on PIL images, DataLoader with worker processes, uint8 batches.

    python loader_torchvision.py FOLDER WORKERS EPOCHS BATCH

Prints {"images", "seconds"} for each epoch, the start of the workers not counted.
"""
import json
import pathlib
import sys
import time

import torch
from peer_timm import torchvision  # noqa: F401
from PIL import Image
from torchvision.transforms import v2

folder, workers, epochs, batch = sys.argv[1], *map(int, sys.argv[2:5])
torch.set_num_threads(1)
paths = sorted(str(path) for path in pathlib.Path(folder).rglob("*.jpg"))
transform = v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip(), v2.ColorJitter(0.2, 0.2, 0.2), v2.PILToTensor()])


class Pictures(torch.utils.data.Dataset):
    def __len__(self):
        return len(paths)

    def __getitem__(self, index):
        return transform(Image.open(paths[index]).convert("RGB"))


loader = torch.utils.data.DataLoader(Pictures(), batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
# The first epoch starts the workers.
for _ in loader:
    pass
for _ in range(epochs):
    start = time.perf_counter()
    images = sum(len(pictures) for pictures in loader)
    print(json.dumps({"images": images, "seconds": time.perf_counter() - start}), flush=True)
