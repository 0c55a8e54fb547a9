"""Writes ../../test/golden/timm-state-dicts.json: the names and shapes of timm's state dicts, in their order, without the counters of batches,
and the number of trained values.

    python state_dict_keys_golden.py
"""
import json
import pathlib

from peer_timm import timm

models = {
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "vit-tiny": "vit_tiny_patch16_224",
    "vit-small": "vit_small_patch16_224",
    "vit-base": "vit_base_patch16_224",
    "mobilevit-xxs": "mobilevit_xxs",
    "mobilevit-xs": "mobilevit_xs",
    "mobilevit-s": "mobilevit_s",
    "mobilenetv2": "mobilenetv2_100",
    "efficientnet-b0": "efficientnet_b0",
    "convnext-tiny": "convnext_tiny",
}


def tree(state):
    """Names as a tree of their parts, shapes at the leaves: a fifth of the length."""
    root = {}
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        node = root
        *parts, last = name.split(".")
        for part in parts:
            node = node.setdefault(part, {})
        node[last] = list(tensor.shape)
    return root


golden = {"timm": timm.__version__, "models": {}}
for ours, theirs in models.items():
    model = timm.create_model(theirs, pretrained=False)
    count = sum(p.numel() for p in model.parameters())
    golden["models"][ours] = {"timm": theirs, "parameters": count, "tensors": tree(model.state_dict())}
path = pathlib.Path(__file__).parent / "../../test/golden/timm-state-dicts.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print(path.stat().st_size)
