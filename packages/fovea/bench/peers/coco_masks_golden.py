"""Writes ../../test/golden/coco-masks.json: what pycocotools makes of outlines and run lengths.

    python coco_masks_golden.py
"""
import json
import pathlib

import numpy as np
from pycocotools import mask as api

rng = np.random.default_rng(11)


def text(rle):
    return rle["counts"].decode()


def outlines():
    """Width, height, outline: ordinary ones, then what breaks careless code."""
    for _ in range(40):
        width, height = (int(v) for v in rng.integers(1, 60, 2))
        corners = int(rng.integers(3, 12))
        yield width, height, (rng.random((corners, 2)) * [width, height]).round(2).reshape(-1).tolist()
    for _ in range(40):
        # Partly or wholly outside.
        width, height = (int(v) for v in rng.integers(1, 40, 2))
        yield width, height, ((rng.random((int(rng.integers(3, 8)), 2)) * 3 - 1) * [width, height]).round(3).reshape(-1).tolist()
    for _ in range(30):
        # Corners on the grid, on halves and fifths: ties of rounding.
        step = rng.choice([1, 0.5, 0.2, 0.1])
        yield 17, 13, (np.round(rng.random((int(rng.integers(3, 9)), 2)) * [20, 16] / step) * step - 2).reshape(-1).tolist()
    yield 9, 7, [0, 0, 9, 0, 9, 7, 0, 7]
    yield 9, 7, [-5, -5, 50, -5, 50, 50, -5, 50]
    yield 9, 7, [3, 3, 3, 3, 3, 3]
    yield 9, 7, [2, 2, 2, 2, 6, 2, 6, 6, 6, 6, 2, 6]
    yield 9, 7, [4.5, 0, 4.5, 7, 4.5, 3]
    yield 9, 7, [0, 3.5, 9, 3.5, 4, 3.5]
    yield 9, 7, [0, 0, 9, 7, 9, 0, 0, 7]
    yield 1, 1, [0, 0, 1, 0, 1, 1, 0, 1]
    yield 500, 400, [10.5, 20.25, 480.75, 33.125, 499.9, 380.2, 250, 399.99, 3, 200]
    yield 640, 480, (rng.random((60, 2)) * [640, 480]).round(2).reshape(-1).tolist()


def polygons():
    for width, height, outline in outlines():
        rle = api.frPyObjects([outline], height, width)[0]
        yield {"width": width, "height": height, "polygon": outline, "counts": text(rle), "area": int(api.area(rle)),
               "bbox": api.toBbox(rle).tolist()}


def random_mask(width, height):
    kind = rng.integers(0, 6)
    pixels = np.zeros((height, width), np.uint8)
    if kind == 1:
        pixels[:] = 1
    elif kind == 2:
        pixels = (rng.random((height, width)) < 0.5).astype(np.uint8)
    elif kind == 3:
        pixels = (rng.random((height, width)) < 0.03).astype(np.uint8)
    elif kind > 3:
        top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
        pixels[top:top + int(rng.integers(1, height + 1)), left:left + int(rng.integers(1, width + 1))] = 1
    return pixels


def pairs():
    for _ in range(60):
        width, height = (int(v) for v in rng.integers(1, 30, 2))
        a, b = (api.encode(np.asfortranarray(random_mask(width, height))) for _ in range(2))
        yield {"width": width, "height": height, "a": text(a), "b": text(b), "iou": float(api.iou([a], [b], [0])[0, 0]),
               "crowd": float(api.iou([a], [b], [1])[0, 0]), "union": text(api.merge([a, b])), "both": text(api.merge([a, b], intersect=True))}


def pixels():
    for _ in range(20):
        width, height = (int(v) for v in rng.integers(1, 12, 2))
        mask = random_mask(width, height)
        yield {"width": width, "height": height, "pixels": "".join(map(str, mask.reshape(-1))),
               "counts": text(api.encode(np.asfortranarray(mask)))}
    # Runs of many lengths, also beyond 15 bits.
    mask = np.zeros(700 * 900, np.uint8)
    mask[[5, 70000, 70001, 629999]] = 1
    mask = mask.reshape(700, 900).T
    yield {"width": 700, "height": 900, "ones": [5, 70000, 70001, 629999], "counts": text(api.encode(np.asfortranarray(mask)))}


def boxes():
    for _ in range(30):
        a, b = ((rng.random(4) * 20).round(int(rng.integers(0, 3))).tolist() for _ in range(2))
        yield {"a": a, "b": b, "iou": float(api.iou(np.array([a]), np.array([b]), [0])[0, 0]),
               "crowd": float(api.iou(np.array([a]), np.array([b]), [1])[0, 0])}


cases = {"polygons": list(polygons()), "pairs": list(pairs()), "pixels": list(pixels()), "boxes": list(boxes())}
path = pathlib.Path(__file__).parents[2] / "test/golden/coco-masks.json"
lines = [f'"{name}": [\n' + ",\n".join(json.dumps(case, separators=(",", ":")) for case in rows) + "\n]" for name, rows in cases.items()]
path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(f"{path.name}: {path.stat().st_size} bytes", {name: len(rows) for name, rows in cases.items()})
