import json
from typing import get_args

import pytest
import safetensors.torch
import torch

from cs_utils.exceptions import CourseError
from cs_utils.models import zoo
from cs_utils.models.zoo import build, choose_device, count_parameters, load_weights, save_weights
from cs_utils.settings import Model, Settings
from helpers import same

SMALL = Settings(width=4, image_size=(32, 64), accelerator="cpu")


@pytest.mark.parametrize("name", get_args(Model))
def test_every_model_gives_logits_at_input_size_and_is_never_pretrained_unasked(name, monkeypatch):
    def refuse(*_, **__):
        pytest.fail("a download was begun")

    monkeypatch.setattr("socket.socket.connect", refuse)
    model = build(SMALL.replace(model=name, void="class")).eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, 50, 77)).shape == (1, 21, 50, 77)


def test_deeplab_with_resnet50_has_fewer_parameters_than_the_unet():
    full = SMALL.replace(width=64)
    assert count_parameters(build(full.replace(model="deeplabv3plus"))) < count_parameters(build(full))


def test_the_seed_decides_the_first_weights_and_nothing_else_does():
    torch.manual_seed(1)
    first = build(SMALL).head.weight
    state = torch.get_rng_state()
    again, other = build(SMALL).head.weight, build(SMALL.replace(seed=1)).head.weight
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)  # and building draws nothing from the global generator


def test_weights_come_back_with_their_architecture(tmp_path):
    trained = SMALL.replace(void="class", activation="relu")
    model = build(trained).eval()
    save_weights(model, tmp_path / "w.safetensors", trained)
    loaded, settings = load_weights(tmp_path / "w.safetensors", Settings())
    assert (settings.width, settings.activation, settings.void, settings.image_size) == (4, "relu", "class", (32, 64))
    image = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        assert torch.equal(loaded(image), model(image))


def test_a_truncated_or_foreign_file_is_named(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(build(SMALL), path, SMALL)
    whole = path.read_bytes()
    for content in (whole[:-100], whole[:50], b"", b"\x80\x04pickle"):
        path.write_bytes(content)
        with pytest.raises(CourseError, match=r"w.safetensors is not a whole weights file of this course"):
            load_weights(path, SMALL)
    safetensors.torch.save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CourseError, match="not a whole weights file of this course"):
        load_weights(path, SMALL)
    with pytest.raises(CourseError, match=r"gone is missing: train a model first"):
        load_weights(tmp_path / "gone", SMALL)


def test_a_weights_file_decides_nothing_but_the_network(tmp_path):
    path = tmp_path / "w.safetensors"
    tensors = {name: tensor.contiguous() for name, tensor in build(SMALL).state_dict().items()}
    says = {"model": "unet", "width": 4, "activation": "silu", "void": "ignore", "image_size": [32, 64], "data": "/etc"}
    safetensors.torch.save_file(tensors, path, metadata={"architecture": json.dumps(says)})
    assert load_weights(path, SMALL)[1].data == SMALL.data


def test_a_device_that_is_not_there_is_named():
    assert choose_device("cpu").type == "cpu"
    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(CourseError, match=f"accelerator='{missing}' is not on this machine: give auto or"):
        choose_device(missing)


def test_weights_of_another_shape_are_named(tmp_path):
    path = tmp_path / "w.safetensors"
    tensors = {name: tensor.contiguous() for name, tensor in build(SMALL).state_dict().items()}
    says = {"model": "unet", "width": 8, "activation": "silu", "void": "ignore", "image_size": [32, 64]}
    safetensors.torch.save_file(tensors, path, metadata={"architecture": json.dumps(says)})
    with pytest.raises(CourseError, match=r"w.safetensors does not fit this model: .* is \(.*\) in the file"):
        load_weights(path, SMALL)


def test_a_network_starts_from_the_weights_of_another_run(tmp_path):
    first = Settings(width=4, seed=1)
    save_weights(build(first), tmp_path / "first.safetensors", first)
    started = build(Settings(width=4, seed=2, start=tmp_path / "first.safetensors"))
    assert same(started.state_dict(), build(first).state_dict())
    assert not same(started.state_dict(), build(Settings(width=4, seed=2)).state_dict())
    with pytest.raises(CourseError, match="does not fit this model"):
        build(Settings(width=8, start=tmp_path / "first.safetensors"))


@pytest.mark.parametrize("name", ["fcn", "deeplabv3plus", "segformer"])
def test_weights_that_cannot_be_fetched_are_one_line(name, monkeypatch, tmp_path):
    def offline(*_, **__):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("socket.socket.connect", offline)
    monkeypatch.setattr("socket.getaddrinfo", offline)
    monkeypatch.setattr("time.sleep", lambda _: None)  # between five tries of huggingface_hub
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CourseError, match=r"pretrained=True cannot be fetched \(.+\): go online") as error:
        build(SMALL.replace(model=name, pretrained=True))
    assert "\n" not in str(error.value)


def test_pretrained_weights_that_would_be_replaced_are_refused(tmp_path):
    with pytest.raises(CourseError, match="pretrained has no effect with start"):
        build(Settings(model="fcn", pretrained=True, start=tmp_path / "first.safetensors"))


def test_a_weights_file_is_not_blamed_for_the_settings_of_the_one_who_loads_it(tmp_path, monkeypatch):
    """DeepLabv3+ cannot be trained with one image in a batch, but predicts well with that setting."""
    monkeypatch.setattr(zoo, "build", lambda settings: torch.nn.Conv2d(3, 19, 1))
    path, trained = tmp_path / "w.safetensors", Settings(model="deeplabv3plus", image_size=(32, 64))
    save_weights(torch.nn.Conv2d(3, 19, 1), path, trained)
    # A width that this network does not use is left behind.
    _, stored = load_weights(path, Settings(batch_size=1, width=4, accelerator="cpu"))
    assert (stored.model, stored.batch_size, stored.image_size) == ("deeplabv3plus", 1, (32, 64))
    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(CourseError, match="accelerator=") as error:
        load_weights(path, Settings(accelerator=missing))
    assert str(path) not in str(error.value)
