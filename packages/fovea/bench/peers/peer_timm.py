"""Imports torchvision and timm where torchvision was built for another device than torch: its own operators are not needed."""
# ruff: noqa: F401
try:
    import torchvision
except RuntimeError:
    import torch.library as library

    _declared = library.Library("torchvision", "FRAGMENT")
    _register = library.register_fake
    library.register_fake = lambda name, *a, **k: (lambda f: f) if name.startswith("torchvision::") else _register(name, *a, **k)
    import torchvision

    library.register_fake = _register
import timm
