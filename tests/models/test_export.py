import numpy as np
import onnxruntime
import pytest
import torch

from cs_utils.cli import main
from cs_utils.data.transforms import normalize
from cs_utils.exceptions import CourseError
from cs_utils.models.export import export_onnx
from cs_utils.models.zoo import build, load_weights, save_weights
from cs_utils.settings import Settings


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A small U-Net that learned void as a class, and what the command made of it."""
    folder = tmp_path_factory.mktemp("export")
    settings = Settings(width=4, void="class", image_size=(32, 64), accelerator="cpu")
    model = build(settings)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after a training, and not as at its start
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    save_weights(model, folder / "best.safetensors", settings)
    assert main(["export", "--weights", str(folder), "--out", str(folder / "net.onnx")]) == 0
    assert b"unet.py" not in (folder / "net.onnx").read_bytes()  # nor any other line or folder of this machine
    session = onnxruntime.InferenceSession(folder / "net.onnx", providers=["CPUExecutionProvider"])
    return load_weights(folder, settings)[0], session


@pytest.mark.parametrize("size", [(64, 96), (32, 32), (37, 51), (1, 5)])
def test_the_file_gives_the_networks_own_logits_at_any_size(exported, size):
    model, session = exported
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = model(normalize(image)[None]).numpy()
    pixels = image.transpose(2, 0, 1)[None].astype(np.float32)  # (1, 3, H, W), 0..255
    (logits,) = session.run(["logits"], {"image": pixels})
    assert logits.shape == (1, 21, *size)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)


def test_that_a_package_is_missing_is_said_before_anything_is_computed(monkeypatch, tmp_path):
    monkeypatch.setattr("cs_utils.models.export.find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(CourseError, match=r"^onnxscript must be installed"):
        export_onnx(torch.nn.Conv2d(3, 19, 1), tmp_path / "net.onnx")


def test_the_network_itself_stays_on_its_device(monkeypatch, tmp_path):
    moved = []
    monkeypatch.setattr(torch.nn.Conv2d, "cpu", lambda network: moved.append(network) or network)
    monkeypatch.setattr("cs_utils.models.export.to_onnx", lambda network: b"")
    network = torch.nn.Conv2d(3, 19, 1)
    export_onnx(network, tmp_path / "net.onnx")
    assert len(moved) == 1
    assert network not in moved
