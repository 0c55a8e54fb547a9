"""Writes ../../test/golden/transforms.json: what torchvision's v2 functions make of a small picture (as a PIL image) and of boxes in it.

    python transforms_golden.py
"""
import base64
import json
import pathlib

import numpy as np
import torch
from peer_timm import torchvision  # noqa: F401
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

folder = pathlib.Path(__file__).parent / "../../test/golden"
width, height = 29, 21
modes = {name: getattr(InterpolationMode, name.upper()) for name in ("nearest", "bilinear", "bicubic")} | {"lanczos3": InterpolationMode.LANCZOS}
boxes = [[3, 4, 17, 12], [10, 8, 20, 15]]
corners = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]


def picture(channels):
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    return ((x * 5 + y * 3 + c * 40 + (x * y * (c + 1)) % 23 * 7) % 251).astype(np.uint8)


def pil(channels):
    return Image.fromarray(picture(channels).squeeze())


def cases():
    both = (3, 1)
    yield "randomHorizontalFlip", {"probability": 1}, F.horizontal_flip, {}, (3,), True
    yield "randomVerticalFlip", {"probability": 1}, F.vertical_flip, {}, (3,), True
    for mode in modes:
        yield "resize", {"size": [13, 40], "interpolation": mode}, F.resize, {"size": [13, 40], "interpolation": modes[mode]}, (3,), True
    yield "resize", {"size": 11}, F.resize, {"size": 11}, both, True
    yield "resize", {"size": 33, "maxSize": 40}, F.resize, {"size": 33, "max_size": 40}, (3,), True
    yield "centerCrop", {"size": [10, 12]}, F.center_crop, {"output_size": [10, 12]}, (3,), False
    yield "centerCrop", {"size": [26, 14]}, F.center_crop, {"output_size": [26, 14]}, (3,), True
    yield "crop", {"top": -2, "left": 3, "height": 20, "width": 31}, F.crop, {"top": -2, "left": 3, "height": 20, "width": 31}, (3,), True
    yield "pad", {"padding": [1, 2, 3, 4], "fill": [9, 8, 7]}, F.pad, {"padding": [1, 2, 3, 4], "fill": (9, 8, 7)}, (3,), True
    yield "pad", {"padding": 3, "fill": "reflect"}, F.pad, {"padding": 3, "padding_mode": "reflect"}, (3,), False
    for mode in ("nearest", "bilinear"):
        how = {"interpolation": modes[mode]}
        ours = {"interpolation": mode}
        for angle in (90, 33.5, 180, -77):
            yield "rotate", {"degrees": angle, **ours}, F.rotate, {"angle": angle, **how}, both if angle == 33.5 else (3,), angle == 180
        # Without boxes: torchvision's lie up to a pixel beside its own picture here.
        yield "rotate", {"degrees": 20, "expand": True, "fill": [5, 6, 7], **ours}, F.rotate, {"angle": 20, "expand": True, "fill": (5, 6, 7), **how}, (3,), False
        yield "rotate", {"degrees": 12, "center": [8, 9], **ours}, F.rotate, {"angle": 12, "center": [8, 9], **how}, (3,), False
        yield ("affine", {"degrees": 15, "translate": [2, -1], "scale": 0.8, "shear": [5, -3], **ours}, F.affine,
               {"angle": 15, "translate": [2, -1], "scale": 0.8, "shear": [5, -3], **how}, both, True)
        yield ("affine", {"scale": 1.3, "translate": [1, 2], **ours}, F.affine,
               {"angle": 0, "translate": [1, 2], "scale": 1.3, "shear": [0, 0], **how}, (3,), False)
        to = [[3, 2], [26, 1], [24, 19], [1, 17]]
        yield ("perspective", {"from": corners, "to": to, "fill": [1, 2, 3], **ours}, F.perspective,
               {"startpoints": corners, "endpoints": to, "fill": (1, 2, 3), **how}, (3,), True)
    for factor in (0, 0.4, 1.7):
        yield "adjustBrightness", {"factor": factor}, F.adjust_brightness, {"brightness_factor": factor}, both, False
        yield "adjustContrast", {"factor": factor}, F.adjust_contrast, {"contrast_factor": factor}, both, False
        yield "adjustSaturation", {"factor": factor}, F.adjust_saturation, {"saturation_factor": factor}, (3,), False
        yield "adjustSharpness", {"factor": factor}, F.adjust_sharpness, {"sharpness_factor": factor}, both, False
    for turn in (-0.5, -0.13, 0.07, 0.3):
        yield "adjustHue", {"turn": turn}, F.adjust_hue, {"hue_factor": turn}, (3,), False
    yield "grayscale", {}, F.rgb_to_grayscale, {"num_output_channels": 3}, (3,), False
    yield "invert", {}, F.invert, {}, both, False
    yield "autocontrast", {}, F.autocontrast, {}, both, False
    yield "equalize", {}, F.equalize, {}, both, False
    for bits in (1, 3, 8):
        yield "posterize", {"bits": bits}, F.posterize, {"bits": bits}, (3,), False
    yield "solarize", {"threshold": 100}, F.solarize, {"threshold": 100}, both, False
    for size, sigma in ((3, 0.5), (7, 2.0)):
        yield "gaussianBlur", {"kernelSize": size, "sigma": [sigma, sigma]}, F.gaussian_blur, {"kernel_size": size, "sigma": sigma}, both, False
    region = {"top": 3, "left": 5, "height": 6, "width": 9}
    value = torch.tensor([7, 8, 9], dtype=torch.uint8)[:, None, None]
    yield "erase", {**region, "value": [7, 8, 9]}, F.erase, {"i": 3, "j": 5, "h": 6, "w": 9, "v": value}, (3,), False


def moved_boxes(function, arguments):
    given = tv_tensors.BoundingBoxes(torch.tensor(boxes, dtype=torch.float64), format="XYXY", canvas_size=(height, width))
    skipped = ("fill", "padding_mode", "interpolation") if function is not F.rotate and function is not F.affine else ("fill", "interpolation")
    return [[round(v, 5) for v in box] for box in function(given, **{k: v for k, v in arguments.items() if k not in skipped}).tolist()]


def nearest_columns():
    """Which columns nearest takes, of pictures in which a column falls exactly between two, or nearly: there the way of counting decides."""
    for size in range(2, 257):
        for to in range(1, 300):
            middles = (np.arange(to) + 0.5) * size / to
            plain = np.minimum(size - 1, middles.astype(np.int64))
            row = Image.fromarray(np.arange(size, dtype=np.uint8)[None])
            if size in (5, 41, 64, 224, 256) and to in (3, 9, 31, 97, 224) or (np.any(middles == np.round(middles)) and (size * 37 + to) % 211 == 0):
                found = np.asarray(F.resize(row, [1, to], InterpolationMode.NEAREST))
                yield {"from": size, "to": to, "columns": base64.b64encode(found.tobytes()).decode(), "plain": bool((found[0] == plain).all())}


def main():
    written = []
    for kind, ours, function, arguments, channels, with_boxes in cases():
        for count in channels:
            out = np.asarray(function(pil(count), **arguments))
            case = {"transform": {"kind": kind, **ours}, "channels": count, "width": out.shape[1], "height": out.shape[0]}
            case["data"] = base64.b64encode(out.tobytes()).decode()
            if with_boxes and count == 3:
                case["boxes"] = moved_boxes(function, arguments)
            written.append(case)
    five = [base64.b64encode(np.asarray(part).tobytes()).decode() for part in F.five_crop(pil(3), [9, 8])]
    result = {"torchvision": torchvision.__version__, "width": width, "height": height, "boxes": boxes, "cases": written, "fiveCrop": five}
    result["nearest"] = list(nearest_columns())
    tall = Image.fromarray(np.arange(41 * 64 * 3, dtype=np.uint32).reshape(41, 64, 3).astype(np.uint8))
    result["nearestPicture"] = base64.b64encode(np.asarray(F.resize(tall, [31, 9], InterpolationMode.NEAREST)).tobytes()).decode()
    (folder / "transforms.json").write_text(json.dumps(result) + "\n")
    print(len(written), "cases")


main()
