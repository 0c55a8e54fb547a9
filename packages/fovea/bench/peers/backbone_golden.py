"""Writes ../../test/golden/backbones.json: what timm's networks compute at full width, every tensor set by formula, and two networks of reduced
width that were trained for a few steps, as .safetensors files beside it.

    python backbone_golden.py
"""
import functools
import json
import pathlib

import torch
from formula_weights import fill, noise
from peer_timm import timm
from safetensors.torch import save_file
from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.efficientnet import EfficientNet

folder = pathlib.Path(__file__).parent / "../../test/golden"
batch = 2


def pictures(height, width, seed=99):
    return noise(batch * 3 * height * width, seed).reshape(batch, 3, height, width).to(torch.float32) * 4


def sample(tensor, count):
    """Some of the values, spread over all axes; the largest of all is what errors are measured against."""
    flat = tensor.flatten()
    picked = flat[(torch.arange(count) * 7919) % flat.numel()]
    return {"dims": list(tensor.shape), "largest": short(flat.abs().max()), "values": [short(v) for v in picked]}


def short(value):
    return float(f"{value:.6g}")


@torch.no_grad()
def outputs(model, x, stages, count):
    """Logits, and what the modules of `stages` (our name of the stage: timm's path) give."""
    kept = {}
    hooks = [
        model.get_submodule(path).register_forward_hook(lambda _m, _i, y, stage=stage: kept.__setitem__(stage, y))
        for stage, path in stages.items()
    ]
    kept["logits"] = model(x)
    for hook in hooks:
        hook.remove()
    return {stage: sample(value, count) for stage, value in kept.items()}


def formula_case(ours, theirs, size, stages):
    model = timm.create_model(theirs, pretrained=False).eval()
    fill(model.state_dict())
    values = outputs(model, pictures(*size), stages, 250)
    print(ours, {stage: (value["dims"], value["largest"]) for stage, value in values.items()})
    return {"architecture": ours, "timm": theirs, "size": size, "outputs": values}


def narrow_convnext():
    model = timm.create_model("convnext_tiny", dims=(8, 12, 16, 24), depths=(1, 1, 2, 1), num_classes=5)
    return model, {"widths": [8, 12, 16, 24], "depths": [1, 1, 2, 1]}


def narrow_mobilenetv2():
    blocks = ["ds_r1_k3_s1_c16", "ir_r2_k3_s2_e6_c24", "ir_r3_k3_s2_e6_c32", "ir_r4_k3_s2_e6_c64"]
    blocks += ["ir_r3_k3_s1_e6_c96", "ir_r3_k3_s2_e6_c160", "ir_r1_k3_s1_e6_c320"]
    model = EfficientNet(
        decode_arch_def([[block] for block in blocks]),
        num_classes=5,
        num_features=24,
        stem_size=8,
        fix_stem=True,
        round_chs_fn=functools.partial(round_channels, multiplier=0.0625, divisor=4),
        act_layer=torch.nn.ReLU6,
    )
    widths = [model.conv_stem.out_channels, *(stage[-1].bn3.num_features if i else stage[-1].bn2.num_features for i, stage in enumerate(model.blocks))]
    return model, {"widths": [*widths, model.conv_head.out_channels]}


def trained_case(ours, file, build, size, stages):
    """A few steps on noise, so that no tensor is what it began with."""
    torch.manual_seed(7)
    model, options = build()
    for name, parameter in model.named_parameters():
        if name.endswith("gamma"):
            torch.nn.init.normal_(parameter, 0.5, 0.2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for step in range(30):
        x = pictures(*size, seed=step)
        loss = torch.nn.functional.cross_entropy(model(x), torch.tensor([step % 5, (step + 2) % 5]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    save_file(model.state_dict(), folder / file)
    values = outputs(model, pictures(*size), stages, 60)
    print(file, (folder / file).stat().st_size, f"loss {loss:.3f}", options, {stage: (v["dims"], v["largest"]) for stage, v in values.items()})
    return {"architecture": ours, "file": file, "options": options, "size": size, "outputs": values}


golden = {
    "timm": timm.__version__,
    "torch": torch.__version__.split("+")[0],
    "formula": [
        formula_case("resnet18", "resnet18", [96, 64], {"conv3": "layer2", "conv5": "layer4"}),
        formula_case("resnet50", "resnet50", [64, 96], {"conv3": "layer2", "conv5": "layer4"}),
        formula_case("vit-tiny", "vit_tiny_patch16_224", [224, 224], {"block3": "blocks.2", "block12": "blocks.11"}),
        # Maps of 3 rows in its last stage, which the transformers see stretched to 4.
        formula_case("mobilevit-xxs", "mobilevit_xxs", [96, 128], {"conv3": "stages.2", "conv5": "stages.4"}),
        formula_case("mobilenetv2", "mobilenetv2_100", [96, 64], {"conv3": "blocks.2", "top": "bn2"}),
        formula_case("efficientnet-b0", "efficientnet_b0", [96, 64], {"conv4": "blocks.4", "top": "bn2"}),
        formula_case("convnext-tiny", "convnext_tiny", [64, 96], {"conv3": "stages.1", "conv5": "stages.3"}),
    ],
    "trained": [
        trained_case("convnext-tiny", "convnext-narrow.safetensors", narrow_convnext, [64, 64], {"conv4": "stages.2"}),
        trained_case("mobilenetv2", "mobilenetv2-narrow.safetensors", narrow_mobilenetv2, [64, 64], {"conv4": "blocks.4"}),
    ],
}
path = folder / "backbones.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print(path.stat().st_size)
