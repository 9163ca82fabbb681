"""The packages that the command reaches. All are tried before anything is computed, and one line names what is missing.

A machine without a network is filled by hand, so packages that others need are listed too, those before these.
"""

import importlib

NEEDED = {
    "numpy": "numpy",
    "torch": "torch",
    "torchvision": "torchvision",
    "pandas": "pandas",
    "scipy": "scipy",
    "matplotlib": "matplotlib",
    "seaborn": "seaborn",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "tqdm": "tqdm",
    "filelock": "filelock",
    "packaging": "packaging",
    "typing-extensions": "typing_extensions",
    "docstring-parser": "docstring_parser",
    "typeguard": "typeguard",
    "tyro": "tyro",
    "annotated-types": "annotated_types",
    "typing-inspection": "typing_inspection",
    "pydantic-core": "pydantic_core",
    "pydantic": "pydantic",
    "fsspec": "fsspec",
    "lightning-utilities": "lightning_utilities",
    "lightning-fabric": "lightning_fabric",
    "torchmetrics": "torchmetrics",
    "safetensors": "safetensors",
    "PyYAML": "yaml",
    "huggingface-hub": "huggingface_hub",
    "timm": "timm",
    "segmentation-models-pytorch": "segmentation_models_pytorch",
}
"""Each package, and the module that it is imported by."""
OPTIONAL = {"cityscapesscripts": "cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling"}
"""Without these one row is left out."""


def find_missing(needed: dict[str, str]) -> list[str]:
    """The packages that cannot be imported; where another one is to blame, that one, or else what the import said."""
    missing: dict[str, str] = {}  # by the name of the module
    for package, module in needed.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            name = (error.name or module).partition(".")[0]
            missing.setdefault(name, package if name == module.partition(".")[0] else f"{name} (for {package})")
        except Exception as error:  # two versions that do not fit fail in any way
            missing[module] = f"{package} ({type(error).__name__}: {str(error).partition(chr(10))[0]})"
    return list(missing.values())
