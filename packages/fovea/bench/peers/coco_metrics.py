"""Times pycocotools' COCOeval on the file that coco-metrics.bench.ts wrote.

    python coco_metrics.py FILE REPEATS
"""
import contextlib
import io
import json
import sys
import time
from importlib.metadata import version

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

data = json.load(open(sys.argv[1]))
times = []
with contextlib.redirect_stdout(io.StringIO()):
    truth, found = COCO(), COCO()
    for side, annotations in [(truth, data["truths"]), (found, data["detections"])]:
        side.dataset = {"images": data["images"], "categories": data["categories"], "annotations": annotations}
        side.createIndex()
    for _ in range(int(sys.argv[2])):
        begin = time.perf_counter()
        run = COCOeval(truth, found, data["by"])
        run.evaluate()
        run.accumulate()
        run.summarize()
        times.append((time.perf_counter() - begin) * 1000)
print(json.dumps({"name": f"pycocotools {version('pycocotools')}", "ms": sorted(times)[len(times) // 2], "figures": run.stats.tolist()}))
