import numpy as np
import pytest
import torch

from cs_utils.experiments import recorded
from cs_utils.experiments.recorded import find_weights, trained_model
from cs_utils.models.zoo import COURSE_WEIGHTS, build, load_weights, save_weights
from cs_utils.settings import PROFILES, Settings


@pytest.mark.parametrize("profile", PROFILES)
def test_on_minicity_every_profile_shows_the_recorded_run(profile):
    settings = Settings.of_profile(profile)
    assert find_weights(settings) == COURSE_WEIGHTS
    model, stored = trained_model(settings.replace(accelerator="cpu"))
    assert stored.data == settings.data
    assert stored.void == "ignore"
    assert not model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_on_other_data_it_is_your_own_run(settings):
    model = build(settings.replace(seed=7))
    path = settings.run_folder / "best.safetensors"
    assert find_weights(settings) == path
    save_weights(model, path, settings)
    loaded, stored = trained_model(settings)
    assert stored == settings
    assert all(torch.equal(*both) for both in zip(model.parameters(), loaded.parameters(), strict=True))


def test_without_a_run_a_short_one_is_made_once_and_kept_apart(settings, monkeypatch, capsys):
    model, stored = trained_model(settings)
    assert stored.image_size == settings.image_size
    assert not settings.run_folder.exists()
    monkeypatch.setattr(recorded, "compare", lambda *_, **__: pytest.fail("trained twice"))
    again, _ = trained_model(settings)
    assert all(torch.equal(*both) for both in zip(model.parameters(), again.parameters(), strict=True))
    untrained = build(settings)
    assert not np.allclose(model.state_dict()["encoder.0.0.weight"], untrained.state_dict()["encoder.0.0.weight"])
    assert capsys.readouterr().out == ""
    (folder,) = settings.runs.glob(f"{settings.run_folder.name}-short-*")
    load_weights(folder / "best.safetensors", settings)


def test_a_short_run_of_other_settings_is_not_taken_for_this_one(settings):
    one = settings.replace(epochs=1)
    trained_model(one)
    model, stored = trained_model(one.replace(width=8, activation="relu"))
    assert (stored.width, stored.activation) == (8, "relu")
    assert model.stem[0].out_channels == 8
