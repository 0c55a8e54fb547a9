"""Writes ../../test/golden/coco-metrics.json: what pycocotools' COCOeval says of small data sets, ordinary and nasty ones.

    python coco_metrics_golden.py
"""
import contextlib
import io
import json
import pathlib

import numpy as np
from pycocotools import mask as api
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

rng = np.random.default_rng(5)


def evaluate(case):
    """The 12 figures and AP per class; boxes as [x, y, width, height]."""
    images = [{"id": i, "width": case["width"], "height": case["height"]} for i in range(case["pictures"])]
    categories = [{"id": k, "name": str(k)} for k in range(case["classes"])]
    masks = case["by"] == "masks"

    def shape(row):
        if not masks:
            return {"bbox": row["shape"], "area": row["shape"][2] * row["shape"][3]}
        rle = {"size": [case["height"], case["width"]], "counts": row["shape"].encode()}
        return {"segmentation": rle, "area": float(api.area(rle)), "bbox": api.toBbox(rle).tolist()}

    def annotations(rows):
        return [{"id": i + 1, "image_id": row["picture"], "category_id": row["label"], "iscrowd": int(row.get("crowd", False)),
                 **shape(row), **({"area": row["area"]} if "area" in row else {}), **({"score": row["score"]} if "score" in row else {})}
                for i, row in enumerate(rows)]

    with contextlib.redirect_stdout(io.StringIO()):
        truth, found = COCO(), COCO()
        truth.dataset = {"images": images, "categories": categories, "annotations": annotations(case["truths"])}
        found.dataset = {"images": images, "categories": categories, "annotations": annotations(case["detections"])}
        truth.createIndex()
        found.createIndex()
        run = COCOeval(truth, found, "segm" if masks else "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    precision = run.eval["precision"][:, :, :, 0, 2]
    per_class = [float(precision[:, :, k].mean()) for k in range(case["classes"])]
    return {"figures": [float(v) for v in run.stats], "perClass": per_class}


def box(width, height, largest=0.6, step=8):
    """Corners on a grid of eighths, so that sums and products are exact and ties are ties on both sides."""
    size = np.maximum(1, np.round(rng.random(2) ** 2 * [width, height] * largest * step)) / step
    corner = np.round(rng.random(2) * ([width, height] - size) * step) / step
    return [*corner.tolist(), *size.tolist()]


def near(shape, spread, step=8):
    x, y, w, h = shape
    moved = np.round((np.array([x, y, w, h]) + rng.normal(0, spread, 4) * [w, h, w, h]) * step) / step
    return [float(moved[0]), float(moved[1]), float(max(1 / step, moved[2])), float(max(1 / step, moved[3]))]


def score(ties):
    return float(rng.integers(0, ties) / ties) if ties else float(round(rng.random(), 6))


def box_case(name, pictures, classes, things, *, ties=0, crowd=0.0, false=2, spread=0.08, width=640, height=480, step=8, areas=True, empty=0.2):
    truths, detections = [], []
    for picture in range(pictures):
        if rng.random() < empty:
            continue
        for _ in range(int(rng.integers(0, things + 1))):
            label, shape = int(rng.integers(0, classes)), box(width, height, step=step)
            row = {"picture": picture, "label": label, "shape": shape}
            if areas:
                row["area"] = float(round(shape[2] * shape[3] * (0.4 + 0.6 * rng.random()), 3))
            if rng.random() < crowd:
                row["crowd"] = True
            truths.append(row)
            for _ in range(int(rng.integers(0, 3))):
                detections.append({"picture": picture, "label": label if rng.random() < 0.9 else int(rng.integers(0, classes)),
                                   "score": score(ties), "shape": near(shape, spread, step)})
        for _ in range(int(rng.integers(0, false + 1))):
            detections.append({"picture": picture, "label": int(rng.integers(0, classes)), "score": score(ties), "shape": box(width, height, step=step)})
    return {"name": name, "by": "boxes", "width": width, "height": height, "pictures": pictures, "classes": classes, "truths": truths,
            "detections": detections}


def mask_case(name, pictures, classes, things, *, ties=0, crowd=0.0, width=120, height=90):
    case = box_case(name, pictures, classes, things, ties=ties, crowd=crowd, width=width, height=height, areas=False)
    case["by"] = "masks"
    for row in [*case["truths"], *case["detections"]]:
        x, y, w, h = row["shape"]
        # An ellipse of twelve corners, shaken.
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        radius = 1 + 0.2 * rng.random(12)
        outline = np.stack([x + w / 2 * (1 + np.cos(angle) * radius), y + h / 2 * (1 + np.sin(angle) * radius)], 1)
        row["shape"] = api.frPyObjects([outline.reshape(-1).tolist()], height, width)[0]["counts"].decode()
    return case


def cases():
    yield box_case("random", 25, 4, 6)
    yield box_case("many classes, few things", 12, 15, 4)
    yield box_case("equal scores", 20, 2, 6, ties=3)
    yield box_case("all scores equal", 15, 1, 5, ties=1)
    yield box_case("crowds", 20, 2, 6, crowd=0.4)
    yield box_case("only crowds", 6, 1, 3, crowd=1.0)
    yield box_case("equal overlaps", 20, 2, 8, ties=4, width=24, height=24, step=1, crowd=0.2)
    yield box_case("small things", 15, 2, 6, width=70, height=60)
    yield box_case("area from the box", 15, 3, 5, areas=False, ties=10)
    yield box_case("far off", 15, 2, 5, spread=0.4)
    yield {**box_case("no detections", 5, 2, 4), "detections": []}
    yield {**box_case("nothing to find", 5, 2, 4), "truths": []}
    yield {"name": "empty pictures", "by": "boxes", "width": 9, "height": 9, "pictures": 3, "classes": 2, "truths": [], "detections": []}
    # Areas on the borders of the ranges: both bounds belong to a range.
    sides = [31, 32, 33, 95, 96, 97]
    yield {"name": "areas on the borders", "by": "boxes", "width": 640, "height": 480, "pictures": 6, "classes": 1,
           "truths": [{"picture": i, "label": 0, "shape": [10, 10, s, s]} for i, s in enumerate(sides)],
           "detections": [{"picture": i, "label": 0, "score": round(0.9 - i * 0.1, 2), "shape": [10, 10 + i % 2, s, s]} for i, s in enumerate(sides)]}
    # Overlaps that are thresholds exactly: 0.5, 0.75 and their neighbours.
    yield {"name": "overlaps on the thresholds", "by": "boxes", "width": 640, "height": 480, "pictures": 4, "classes": 1,
           "truths": [{"picture": i, "label": 0, "shape": [0, 0, 100, 100]} for i in range(4)],
           "detections": [{"picture": i, "label": 0, "score": 0.5, "shape": [0, 0, 100, h]} for i, h in enumerate([50, 75, 80, 95])]}
    # More than a hundred detections in a picture: the rest does not count.
    many = box_case("more than a hundred detections", 2, 1, 30, width=300, height=300, ties=40, step=1, empty=0)
    for picture in range(2):
        many["detections"] += [{"picture": picture, "label": 0, "score": score(40), "shape": box(300, 300, 0.3, 1)} for _ in range(160)]
    yield many
    # The same thing found over and over.
    yield {"name": "found many times", "by": "boxes", "width": 100, "height": 100, "pictures": 1, "classes": 1,
           "truths": [{"picture": 0, "label": 0, "shape": [10, 10, 40, 40]}, {"picture": 0, "label": 0, "shape": [12, 10, 40, 40]},
                      {"picture": 0, "label": 0, "shape": [0, 0, 90, 90], "crowd": True}],
           "detections": [{"picture": 0, "label": 0, "score": 0.5, "shape": [10 + i % 3, 10, 40, 40]} for i in range(130)]}
    yield mask_case("masks", 15, 3, 4)
    yield mask_case("masks, equal scores and crowds", 15, 2, 5, ties=3, crowd=0.3)
    # Whole numbers and eighths have exact areas; decimals do not, and tip over with the last bit.
    yield decimal_ties("decimals on the thresholds", 30)
    yield decimal_ties("decimals on the thresholds, one digit, all scores equal", 30, digits=1, ties=1)
    yield decimal_ties("decimals on the thresholds, crowds", 30, crowd=0.5)
    yield decimal_areas()


def decimal_ties(name, pictures, *, digits=2, crowd=0.0, ties=3):
    """Detections whose overlap is a threshold but for rounding: sides of decimals, cut or lengthened by the threshold, at corners of decimals."""
    truths, detections = [], []
    for picture in range(pictures):
        for _ in range(int(rng.integers(1, 4))):
            x, y = np.round(rng.random(2) * 300, digits).tolist()
            w, h = np.round(rng.integers(1, 40, 2) * rng.choice([0.2, 1.2, 2.6], 2), digits).tolist()
            row = {"picture": picture, "label": 0, "shape": [x, y, w, h], **({"crowd": True} if rng.random() < crowd else {})}
            truths.append(row)
            for _ in range(int(rng.integers(1, 4))):
                t = float(rng.choice(np.linspace(0.5, 0.95, 10)))
                t = t if rng.random() < 0.6 else 1 / t
                wide = rng.random() < 0.5
                shape = [x, y, round(w * t, 4) if wide else w, h if wide else round(h * t, 4)]
                detections.append({"picture": picture, "label": 0, "score": score(ties), "shape": shape})
    return {"name": name, "by": "boxes", "width": 640, "height": 480, "pictures": pictures, "classes": 1, "truths": truths, "detections": detections}


def decimal_areas():
    """Boxes of 32² and 96² pixels, but for rounding, by sides that are decimals."""
    sides = [(w, area / w) for area in (1024, 9216) for w in (0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 38.4, 51.2)]
    place = lambda i: [round(0.1 + 0.7 * i, 1), round(0.3 + 1.1 * i, 1)]
    rows = [{"picture": i, "label": 0, "shape": [*place(i), w, round(h, 4)]} for i, (w, h) in enumerate(sides)]
    return {"name": "decimal areas on the borders", "by": "boxes", "width": 640, "height": 12000, "pictures": len(sides), "classes": 1, "truths": rows,
            "detections": [{**row, "score": round(0.9 - 0.05 * i, 2)} for i, row in enumerate(rows)]}


def line(case):
    def row(one):
        shape = one["shape"] if isinstance(one["shape"], str) else [float(f"{v:g}") if v == float(f"{v:g}") else v for v in one["shape"]]
        return {**one, "shape": shape}
    out = {**case, "truths": [row(one) for one in case["truths"]], "detections": [row(one) for one in case["detections"]]}
    return json.dumps({**out, **evaluate(out)}, separators=(",", ":"))


path = pathlib.Path(__file__).parents[2] / "test/golden/coco-metrics.json"
lines = [line(case) for case in cases()]
path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
print(f"{path.name}: {len(lines)} cases, {path.stat().st_size} bytes")
