"""Writes ../../test/golden/metrics.json: figures of classification, segmentation, anomalies and captions, each by its definition, slowly.

    python metrics_golden.py

Pairs are compared one by one, thresholds tried one by one, distances measured one by one: nothing here shares an algorithm with src/vision/metrics.
"""
import json
import math
import pathlib
from collections import Counter

import numpy as np

rng = np.random.default_rng(3)


def auroc(scores, truths):
    wins = [1.0 if p > n else 0.5 if p == n else 0.0 for p, t in zip(scores, truths) if t for n, u in zip(scores, truths) if not u]
    return float(np.mean(wins)) if wins else None


def average_precision(scores, truths):
    scores, truths = np.asarray(scores), np.asarray(truths, bool)
    if not truths.any():
        return None
    area, before = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        found = scores >= threshold
        recall = (truths & found).sum() / truths.sum()
        area += (recall - before) * (truths & found).sum() / found.sum()
        before = recall
    return float(area)


def best_f1(scores, truths):
    scores, truths = np.asarray(scores), np.asarray(truths, bool)
    if not truths.any():
        return None
    return float(max(2 * (truths & (scores >= t)).sum() / ((scores >= t).sum() + truths.sum()) for t in set(scores.tolist())))


def classification():
    for classes, count, ties in [(2, 40, 0), (3, 60, 8), (5, 30, 4), (4, 12, 1), (3, 25, 64)]:
        labels = rng.integers(0, classes if ties != 4 else classes - 1, count)
        raw = rng.random((count, classes)) + 0.8 * np.eye(classes)[labels] * rng.random((count, 1))
        scores = raw / raw.sum(1, keepdims=True)
        if ties:
            scores = np.round(scores * ties) / ties
        scores = scores.round(6)
        truth = np.eye(classes)[labels]
        rows = [{"auroc": auroc(scores[:, c], labels == c), "averagePrecision": average_precision(scores[:, c], labels == c)} for c in range(classes)]
        yield {"classes": classes, "scores": scores.reshape(-1).tolist(), "labels": labels.tolist(), "perClass": rows,
               "brierScore": float(((scores - truth) ** 2).sum(1).mean())}


def segmentation():
    for width, height, classes, unknown, noise in [(20, 15, 3, 0.1, 0.2), (30, 20, 4, 0, 0.05), (9, 9, 2, 0, 0), (16, 12, 5, 0.4, 0.6)]:
        pictures = []
        for _ in range(3):
            seeds = rng.random((6, 2)) * [height, width]
            ys, xs = np.mgrid[:height, :width]
            nearest = ((ys[..., None] - seeds[:, 0]) ** 2 + (xs[..., None] - seeds[:, 1]) ** 2).argmin(-1)
            truth = nearest % (classes if classes < 5 else 3)
            found = np.where(rng.random(truth.shape) < noise, rng.integers(0, classes, truth.shape), np.roll(truth, 1, 1))
            truth = np.where(rng.random(truth.shape) < unknown, 255, truth)
            pictures.append((truth, found))
        t = np.concatenate([a.reshape(-1) for a, _ in pictures])
        p = np.concatenate([b.reshape(-1) for _, b in pictures])
        t, p = t[t != 255], p[t != 255]
        rows = []
        for c in range(classes):
            both, either = ((t == c) & (p == c)).sum(), ((t == c) | (p == c)).sum()
            rows.append({"iou": float(both / either) if either else None,
                         "dice": float(2 * both / ((t == c).sum() + (p == c).sum())) if either else None})
        yield {"width": width, "height": height, "classes": classes, "perClass": rows, "pixelAccuracy": float((t == p).mean()),
               "boundary": boundary(pictures, classes, 0.05), "tolerance": 0.05,
               "pictures": [{"truth": a.reshape(-1).tolist(), "prediction": b.reshape(-1).tolist()} for a, b in pictures]}


def contour(mask):
    height, width = mask.shape
    return [(y, x) for y in range(height) for x in range(width) if mask[y, x] and any(
        0 <= y + dy < height and 0 <= x + dx < width and not mask[y + dy, x + dx] for dy, dx in [(0, 1), (1, 0), (0, -1), (-1, 0)])]


def boundary(pictures, classes, tolerance):
    out = []
    for c in range(classes):
        scores = []
        for truth, found in pictures:
            known = truth != 255
            a, b = (truth == c) & known, (found == c) & known
            if not a.any() and not b.any():
                continue
            reach = tolerance * math.hypot(*truth.shape)

            def part(one, other):
                if not one:
                    return 0.0 if other else 1.0
                return float(np.mean([any(math.hypot(y - v, x - u) <= reach for v, u in other) for y, x in one]))
            p, r = part(contour(b), contour(a)), part(contour(a), contour(b))
            scores.append(2 * p * r / (p + r) if p + r else 0.0)
        out.append(float(np.mean(scores)) if scores else None)
    return out


def panoptic():
    for classes, void in [(2, 0.1), (3, 0), (4, 0.4)]:
        pictures = []
        totals = [{"iou": 0.0, "tp": 0, "fp": 0, "fn": 0} for _ in range(classes)]
        for _ in range(5):
            height, width, parts = 12, 16, 6
            ys, xs = np.mgrid[:height, :width]
            seeds = rng.random((parts, 2)) * [height, width]

            def cells(points):
                return ((ys[..., None] - points[:, 0]) ** 2 + (xs[..., None] - points[:, 1]) ** 2).argmin(-1) + 1
            truth, found = cells(seeds), cells(seeds + rng.normal(0, 1.2, seeds.shape))
            truth[rng.random(truth.shape) < void] = 0
            found[rng.random(found.shape) < void / 3] = 0
            names = rng.integers(0, classes, parts)
            ts = [{"id": i, "label": int(names[i - 1]), "isCrowd": bool(rng.random() < 0.2)} for i in range(1, parts + 1) if (truth == i).any()]
            ps = [{"id": i, "label": int(names[i - 1] if rng.random() < 0.8 else rng.integers(0, classes))}
                  for i in range(1, parts + 1) if (found == i).any()]
            used = set()
            for t in ts:
                a, hit = truth == t["id"], False
                for p in ps:
                    b = found == p["id"]
                    union = (a | b).sum() - (b & (truth == 0)).sum()
                    if t["isCrowd"] or t["label"] != p["label"] or (a & b).sum() / union <= 0.5:
                        continue
                    hit = True
                    used.add(p["id"])
                    totals[t["label"]]["iou"] += float((a & b).sum() / union)
                    totals[t["label"]]["tp"] += 1
                if not hit and not t["isCrowd"]:
                    totals[t["label"]]["fn"] += 1
            for p in ps:
                b = found == p["id"]
                excused = (truth == 0) | np.isin(truth, [t["id"] for t in ts if t["isCrowd"] and t["label"] == p["label"]])
                if p["id"] not in used and not (b & excused).sum() / b.sum() > 0.5:
                    totals[p["label"]]["fp"] += 1
            pictures.append({"truth": {"ids": truth.reshape(-1).tolist(), "segments": ts},
                             "prediction": {"ids": found.reshape(-1).tolist(), "segments": ps}})
        rows = []
        for t in totals:
            cases = t["tp"] + (t["fp"] + t["fn"]) / 2
            rows.append({"pq": t["iou"] / cases if cases else None, "matched": t["tp"], "missed": t["fn"], "wrong": t["fp"]})
        yield {"classes": classes, "pictures": pictures, "perClass": rows}


def regions(mask):
    """Sets of pixels that touch, corners too, by joining neighbours until nothing changes."""
    label = {(y, x): i for i, (y, x) in enumerate(zip(*np.nonzero(mask)))}
    changed = True
    while changed:
        changed = False
        for (y, x) in label:
            lowest = min(label.get((y + dy, x + dx), label[y, x]) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
            if lowest < label[y, x]:
                label[y, x], changed = lowest, True
    return [[at for at, l in label.items() if l == r] for r in set(label.values())]


def aupro(maps, masks, limit):
    parts = [(m, r) for m, mask in zip(maps, masks) for r in regions(mask)]
    sound = np.concatenate([m[~mask] for m, mask in zip(maps, masks)])
    if not parts or not len(sound):
        return None
    points = [(0.0, 0.0)]
    for threshold in sorted({v for m in maps for v in m.reshape(-1).tolist()}, reverse=True):
        overlap = float(np.mean([np.mean([m[at] >= threshold for at in region]) for m, region in parts]))
        points.append((float((sound >= threshold).mean()), overlap))
    area = 0.0
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if x0 >= limit:
            break
        if x1 > limit:
            x1, y1 = limit, y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
        area += (x1 - x0) * (y0 + y1) / 2
    return area / limit


def anomalies():
    for count, levels, limit in [(6, 64, 0.3), (5, 4, 0.3), (4, 256, 0.05), (4, 2, 1.0)]:
        height, width = 9, 11
        maps, masks, scores, odd = [], [], [], []
        for i in range(count):
            mask = np.zeros((height, width), bool)
            if i % 2 == 0:
                for _ in range(3):
                    y, x = int(rng.integers(0, height - 2)), int(rng.integers(0, width - 2))
                    mask[y:y + int(rng.integers(1, 4)), x:x + int(rng.integers(1, 4))] = True
            maps.append(np.floor(np.clip(rng.random(mask.shape) * 0.7 + 0.3 * mask, 0, 0.999) * levels) / levels)
            masks.append(mask)
            odd.append(bool(mask.any()))
            scores.append(float(maps[-1].max()))
        pixels, truth = np.concatenate([m.reshape(-1) for m in maps]), np.concatenate([m.reshape(-1) for m in masks])
        yield {"width": width, "height": height, "limit": limit,
               "pictures": [{"score": s, "isAnomalous": o, "map": m.reshape(-1).tolist(), "mask": k.astype(int).reshape(-1).tolist()}
                            for s, o, m, k in zip(scores, odd, maps, masks)],
               "imageAuroc": auroc(scores, odd), "imageAveragePrecision": average_precision(scores, odd), "imageF1": best_f1(scores, odd),
               "pixelAuroc": auroc(pixels.tolist(), truth.tolist()), "pixelAveragePrecision": average_precision(pixels, truth),
               "pixelF1": best_f1(pixels, truth), "aupro": aupro(maps, masks, limit)}


def grams(words, n):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))


def bleu(pairs):
    out, written, wanted = [], 0, 0
    for candidate, references in pairs:
        written += len(candidate)
        wanted += min((abs(len(r) - len(candidate)), len(r)) for r in references)[1]
    penalty = 1.0 if written >= wanted else math.exp(1 - wanted / written)
    logs = []
    for n in range(1, 5):
        hits = sum(sum(min(k, max(grams(r, n)[g] for r in references)) for g, k in grams(c, n).items()) for c, references in pairs)
        total = sum(sum(grams(c, n).values()) for c, _ in pairs)
        logs.append(math.log(hits / total) if hits else -math.inf)
        out.append(penalty * math.exp(sum(logs) / n))
    return out


def common(a, b):
    if not a or not b:
        return 0
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    for i, j in np.ndindex(len(a), len(b)):
        table[i + 1, j + 1] = table[i, j] + 1 if a[i] == b[j] else max(table[i, j + 1], table[i + 1, j])
    return int(table[-1, -1])


def rouge(pairs):
    values = []
    for candidate, references in pairs:
        p = max(common(candidate, r) / len(candidate) if candidate else 0 for r in references)
        r = max(common(candidate, r) / len(r) for r in references)
        values.append((1 + 1.2 ** 2) * p * r / (r + 1.2 ** 2 * p) if p and r else 0.0)
    return float(np.mean(values))


def cider(pairs):
    sets = [{g for r in references for n in range(1, 5) for g in grams(r, n)} for _, references in pairs]
    idf = lambda g: math.log(len(pairs)) - math.log(max(1, sum(g in s for s in sets)))
    values = []
    for candidate, references in pairs:
        total = 0.0
        for reference in references:
            gap = max(0, len(candidate) - 1) - max(0, len(reference) - 1)
            for n in range(1, 5):
                a = {g: k * idf(g) for g, k in grams(candidate, n).items()}
                b = {g: k * idf(g) for g, k in grams(reference, n).items()}
                norm = math.sqrt(sum(v * v for v in a.values())) * math.sqrt(sum(v * v for v in b.values()))
                if norm:
                    total += sum(min(v, b.get(g, 0)) * b.get(g, 0) for g, v in a.items()) / norm * math.exp(-gap ** 2 / 72) / 4
        values.append(10 * total / len(references))
    return float(np.mean(values)), values


def captions():
    words = "a man dog rides the red bike on street two children play with ball in park near old tree".split()
    for pictures, count in [(8, 3), (5, 1), (12, 5)]:
        pairs = []
        for i in range(pictures):
            references = [[str(w) for w in rng.choice(words, int(rng.integers(4, 12)))] for _ in range(count)]
            candidate = list(references[0])
            for _ in range(int(rng.integers(0, 4))):
                candidate[int(rng.integers(0, len(candidate)))] = str(rng.choice(words))
            if i == 1:
                candidate = candidate[:2]
            if i == 2 and pictures > 5:
                candidate = ["the"] * 7
            if i == 3:
                candidate = []
            pairs.append((candidate, references))
        score, per_picture = cider(pairs)
        yield {"pictures": [{"candidate": " ".join(c).capitalize() + ".", "references": [", ".join([r[0], " ".join(r[1:])]) for r in rs]} for c, rs in pairs],
               "bleu": bleu(pairs), "rouge": rouge(pairs), "cider": score, "perPicture": per_picture}


def voc():
    for pictures, classes, ties, step in [(10, 2, 0, 1), (15, 3, 5, 4), (6, 1, 1, 8)]:
        truths, found = [], []
        for i in range(pictures):
            for _ in range(int(rng.integers(0, 5))):
                x, y, w, h = (int(v) * step for v in [*rng.integers(0, 20, 2), *rng.integers(2, 12, 2)])
                truths.append({"picture": i, "label": int(rng.integers(0, classes)), "box": [x, y, x + w, y + h], "difficult": bool(rng.random() < 0.25)})
                for _ in range(int(rng.integers(0, 3))):
                    dx, dy = (int(v) for v in rng.integers(-2 * step, 2 * step + 1, 2))
                    found.append({"picture": i, "label": truths[-1]["label"], "box": [x + dx, y + dy, x + w + dx, y + h],
                                  "score": float(rng.integers(0, ties) / ties if ties else rng.random())})
        rows = []
        for c in range(classes):
            mine = [t for t in truths if t["label"] == c]
            support = sum(not t["difficult"] for t in mine)
            used, hits = set(), []
            for d in sorted((d for d in found if d["label"] == c), key=lambda d: -d["score"]):
                best, overlap = None, 0.0
                for k, t in enumerate(mine):
                    a, b = d["box"], t["box"]
                    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
                    both = w * h if w > 0 and h > 0 else 0
                    iou = both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
                    if t["picture"] == d["picture"] and iou > overlap:
                        best, overlap = k, iou
                if best is None or overlap < 0.5:
                    hits.append(0)
                elif not mine[best]["difficult"]:
                    hits.append(0 if best in used else 1)
                    used.add(best)
            points = [(sum(hits[:i + 1]) / support, sum(hits[:i + 1]) / (i + 1)) for i in range(len(hits))] if support else []
            best_from = lambda r: max((p for q, p in points if q >= r), default=0.0)
            steps = sorted({q for q, _ in points})
            rows.append({"all": sum((q - p) * best_from(q) for p, q in zip([0.0, *steps], steps)) if support else None,
                         "eleven": sum(best_from(t / 10) for t in range(11)) / 11 if support else None})
        yield {"pictures": pictures, "classes": classes, "truths": truths, "detections": found, "perClass": rows}


cases = {f.__name__: list(f()) for f in [classification, segmentation, panoptic, anomalies, captions, voc]}
path = pathlib.Path(__file__).parents[2] / "test/golden/metrics.json"
lines = [f'"{name}": [\n' + ",\n".join(json.dumps(case, separators=(",", ":")) for case in rows) + "\n]" for name, rows in cases.items()]
path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(f"{path.name}: {path.stat().st_size} bytes", {name: len(rows) for name, rows in cases.items()})
