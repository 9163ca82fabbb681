"""What the live page needs: the network as ONNX with gates on its skips, MiniCity scenes with labels, and names."""

import copy
import json
import shutil
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from cs_utils.data.cityscapes import write_png
from cs_utils.data.files import write_atomic
from cs_utils.data.transforms import resize
from cs_utils.labels import CLASSES, id_to_train_id
from cs_utils.models.export import OfPixels, to_onnx
from cs_utils.models.unet import LEVELS, UNet
from cs_utils.models.zoo import COURSE_WEIGHTS, load_weights
from cs_utils.settings import ROOT, Settings
from minicity import draw_label_ids, make_scene

PAGE = ROOT / "docs" / "live"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""The files of ONNX Runtime Web that run a network in WebAssembly."""
NETWORKS = {
    "minicity": "trained on MiniCity only",
    "streets": "trained on MiniCity, then on photos",
}
"""The networks of the page by the names of their weights, and their titles."""
TWINS = {"silu": "SiLU", "relu": "ReLU"}
"""The two networks that the page compares, which differ in nothing but their activation."""
SIZE, DRAWN = (256, 512), (512, 1024)
"""Height and width of a scene on the page, and of the drawing that it is reduced from."""
SEEDS = (800_011, 800_042, 800_077)
"""The scenes of the page: no training and no validation scene has such a seed."""


class Gated(nn.Module):
    """A U-Net whose skips can be turned down, each by a factor: 1 leaves it, 0 takes it away."""

    def __init__(self, unet: UNet) -> None:
        super().__init__()
        self.unet = copy.deepcopy(unet)  # its hooks must not stay with the network that was given
        self.factors: Tensor | None = None
        for index, block in enumerate(self.unet.decoder):
            block.register_forward_pre_hook(lambda _, inputs, index=index: self.turn_down(index, *inputs))

    def turn_down(self, index: int, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        """The inputs of a decoder block, its skip times its factor; the first block takes the smallest skip."""
        return x, skip * self.factors[LEVELS - 1 - index]

    def forward(self, image: Tensor) -> Tensor:
        """Logits (1, C, H, W) of an image (1, 3, H, W), with the factors as they are set."""
        return self.unet(image)


class Page(nn.Module):
    """What the page runs: a photo of 0 to 255 and four factors, that of the full-size skip first -> logits."""

    def __init__(self, unet: UNet) -> None:
        super().__init__()
        self.gated = Gated(unet)
        self.network = OfPixels(self.gated)

    def forward(self, image: Tensor, skips: Tensor) -> Tensor:
        """Logits (1, C, H, W) of an image (1, 3, H, W) and factors (4,)."""
        self.gated.factors = skips
        try:
            return self.network(image)
        finally:
            self.gated.factors = None


def halve(network: bytes) -> bytes:
    """The same ONNX file with its weights in half precision, which are made float32 again when it is loaded."""
    model = onnx.load_from_string(network)
    casts = []
    for weights in model.graph.initializer:
        if weights.data_type == TensorProto.FLOAT and len(weights.raw_data) > 1024:
            name = weights.name
            numbers = numpy_helper.to_array(weights).astype("float16")
            weights.CopyFrom(numpy_helper.from_array(numbers, f"{name}_half"))
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    del model.graph.value_info[:]  # the shapes between the steps, which a runtime finds out itself
    onnx.checker.check_model(model)
    return model.SerializeToString()


def build_live(out: Path, runtime: Path) -> None:
    """Put the whole page into a folder: its own files, the runtime, the networks and the scenes."""
    assets = out / "assets"
    shutil.copytree(PAGE, out, dirs_exist_ok=True)
    (out / "runtime").mkdir(exist_ok=True)
    for name in RUNTIME:
        shutil.copyfile(runtime / name, out / "runtime" / name)
    for name in [*NETWORKS, *TWINS]:
        unet, _ = load_weights(weights_of(name), Settings(accelerator="cpu"))
        write_atomic(assets / f"{name}.onnx", halve(to_onnx(Page(unet), skips=torch.ones(LEVELS))))
    scenes = [draw_scene(assets, number, seed) for number, seed in enumerate(SEEDS)]
    classes = [{"name": label.name, "color": label.color} for label in CLASSES]
    networks, twins = ([{"id": name, "title": title} for name, title in group.items()] for group in (NETWORKS, TWINS))
    about = {"classes": classes, "scenes": scenes, "networks": networks, "twins": twins}
    write_atomic(assets / "live.json", json.dumps(about).encode())


def weights_of(network: str) -> Path:
    """The weights file of one of the page's networks."""
    return (ROOT / "results" / "twins" if network in TWINS else COURSE_WEIGHTS.parent) / f"{network}.safetensors"


def draw_scene(assets: Path, number: int, seed: int) -> dict[str, str]:
    """Write a scene and its trainIds as two pictures; return their names."""
    scene = make_scene(seed, *DRAWN)
    train_ids = id_to_train_id(draw_label_ids(scene.objects, *DRAWN))
    image, labels = resize(scene.image, train_ids, SIZE)
    names = {"image": f"scene{number}.png", "labels": f"labels{number}.png"}
    write_png(assets / names["image"], image, compression=9)
    write_png(assets / names["labels"], labels, compression=9)
    return names
