"""Writes ../../test/golden/state-dicts.json: how torchvision's names of tensors answer to timm's (shown by equal outputs under both
names), what networks with weights made by formula compute, and resampled position embeddings.

    python state_dict_golden.py
"""
import json
import pathlib

import torch
from formula_weights import fill, noise
from peer_timm import timm, torchvision
from timm.layers import resample_abs_pos_embed

torch.set_grad_enabled(False)


def pairs_of(theirs, ours):
    """Names in the order of the two dictionaries, which is the same but for the class token's neighbours in vision transformers."""
    a = [name for name in theirs if name != "encoder.pos_embedding"]
    b = [name for name in ours if name != "pos_embed"]
    assert len(a) == len(b)
    return dict(zip(a, b)) | ({"encoder.pos_embedding": "pos_embed"} if "pos_embed" in ours else {})


def modules(pairs):
    """Weight and bias of a module share its name; statistics go with them."""
    found = {}
    for theirs, ours in pairs.items():
        end = theirs.split(".")[-1]
        if end in ("weight", "bias") and ours.endswith("." + end):
            found[theirs[: -len(end) - 1]] = ours[: -len(end) - 1]
        elif end not in ("running_mean", "running_var", "num_batches_tracked"):
            found[theirs] = ours
    return found


def compare(name, first, second, size):
    """The same weights under both names give the same scores; the names of both, and those scores."""
    fill(first.eval().state_dict())
    a, b = first.state_dict(), second.state_dict()
    pairs = pairs_of(list(a), list(b))
    second.eval().load_state_dict({new: a[old].reshape(b[new].shape) for old, new in pairs.items()}, strict=True)
    x = noise(3 * size * size, 99).reshape(1, 3, size, size).to(torch.float32) * 4
    y, z = first(x), second(x)
    error = ((y - z).abs().max() / y.abs().max()).item()
    assert error < 1e-4 and y.std() > 1e-3, (name, error, y.std())
    print(name, f"{error:.1e}", f"std {y.std():.3f}", sum(v.numel() for v in a.values()))
    return {} if list(a) == list(b) else modules(pairs), [float(f"{v:.7g}") for v in y[0, :64].tolist()]


def model_case(name, theirs, ours, size, keep_logits=True, small=None):
    """`small` makes both networks smaller: its scores are kept in place of those of the whole, whose names are kept all the same."""
    names, logits = compare(name, getattr(torchvision.models, theirs)(weights=None), timm.create_model(ours, pretrained=False), size)
    case = {"architecture": name, "torchvision": theirs, "timm": ours, "names": names}
    if small is not None:
        first, second, size, options = small
        case["options"] = options
        logits = compare(f"{name}, smaller", first, timm.create_model(ours, pretrained=False, **second), size)[1]
    return case | {"size": size, "logits": logits} if keep_logits or small is not None else case


def small_convnext():
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    widths, depths = [16, 24, 32, 48], [1, 1, 3, 1]
    settings = [CNBlockConfig(w, n, d) for w, n, d in zip(widths, [*widths[1:], None], depths)]
    return ConvNeXt(settings), {"dims": widths, "depths": depths}, 64, {"widths": widths, "depths": depths}


def small_vit():
    from torchvision.models.vision_transformer import VisionTransformer

    first = VisionTransformer(image_size=48, patch_size=8, num_layers=4, num_heads=2, hidden_dim=32, mlp_dim=128)
    second = {"img_size": 48, "patch_size": 8, "embed_dim": 32, "depth": 4, "num_heads": 2}
    return first, second, 48, {"widths": [32], "depths": [4], "heads": 2, "patch": 8}


def position_cases():
    for extra, old, new, depth in [
        (1, [3, 3], [5, 5], 4),
        (1, [5, 5], [3, 3], 2),
        (0, [7, 7], [4, 4], 1),
        (1, [4, 4], [7, 7], 1),
        (1, [4, 4], [3, 6], 2),
        (1, [6, 6], [4, 9], 1),
        (0, [3, 5], [4, 4], 2),
    ]:
        tokens = extra + old[0] * old[1]
        x = noise(tokens * depth, old[0]).reshape(1, tokens, depth).to(torch.float32)
        y = resample_abs_pos_embed(x, new_size=new, old_size=old, num_prefix_tokens=extra)
        yield {"extra": extra, "from": old, "to": new, "dims": list(x.shape), "values": x.flatten().tolist(), "result": y.flatten().tolist()}


golden = {
    "torchvision": torchvision.__version__.split("+")[0],
    "timm": timm.__version__,
    "models": [
        model_case("resnet18", "resnet18", "resnet18", 64),
        model_case("resnet34", "resnet34", "resnet34", 64, keep_logits=False),
        model_case("resnet50", "resnet50", "resnet50", 64, keep_logits=False),
        model_case("mobilenetv2", "mobilenet_v2", "mobilenetv2_100", 64),
        model_case("efficientnet-b0", "efficientnet_b0", "efficientnet_b0", 64),
        model_case("convnext-tiny", "convnext_tiny", "convnext_tiny", 64, small=small_convnext()),
        model_case("vit-base", "vit_b_16", "vit_base_patch16_224", 224, small=small_vit()),
    ],
    "positions": list(position_cases()),
}
path = pathlib.Path(__file__).parent / "../../test/golden/state-dicts.json"
path.write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")
print(path.stat().st_size)
