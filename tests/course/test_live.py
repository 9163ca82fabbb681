import numpy as np
import onnxruntime
import pytest
import torch

from course import site
from course.live import Page, halve
from course.sections import list_figures
from course.site import gallery_page
from cs_utils.data.transforms import normalize
from cs_utils.models.export import to_onnx
from cs_utils.models.unet import UNet


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    network = UNet(19, width=4).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                torch.nn.init.kaiming_normal_(parameter)  # so that the deep skips matter too
            parameter.copy_(parameter.half().float())  # what half precision keeps exactly
    return network


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(0).integers(0, 256, (48, 80, 3), dtype=np.uint8)


def run(session, photo, skips):
    image = photo.transpose(2, 0, 1)[None].astype(np.float32)
    return session.run(None, {"image": image, "skips": np.float32(skips)})[0]


def test_the_page_runs_the_same_network_as_the_lessons_until_a_skip_is_turned_down(unet, photo):
    with torch.no_grad():
        expected = unet(normalize(photo)[None]).numpy()
    session = onnxruntime.InferenceSession(halve(to_onnx(Page(unet), skips=torch.ones(4))))
    assert np.abs(run(session, photo, [1, 1, 1, 1]) - expected).max() < 1e-4 * np.abs(expected).max()
    for level in range(4):
        skips = [1.0] * 4
        skips[level] = 0
        assert np.abs(run(session, photo, skips) - expected).max() > 1e-2 * np.abs(expected).max()


def test_the_first_factor_is_that_of_the_full_size_skip(unet, photo):
    page = Page(unet).eval()
    seen = []
    page.gated.unet.decoder[-1].mix.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        page(image, torch.tensor([0.0, 1, 1, 1]))
    assert not seen[-1][:, :4].any()  # the skip's channels come first
    assert seen[-1][:, 4:].any()


def test_the_gallery_shows_every_stored_figure_with_its_command(tmp_path):
    page = gallery_page(tmp_path / "figures")
    names = [name for name in list_figures() if list((tmp_path / "figures").glob(f"{name}.*"))]
    assert len(names) > 50
    assert all(f"`python -m cs_utils figure {name}`" in page for name in names)


def test_ctrl_c_ends_the_serving_without_a_traceback(monkeypatch, capsys):
    def stop(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(site, "PORT", 0)
    monkeypatch.setattr(site.ThreadingHTTPServer, "serve_forever", stop)
    site.serve_site()
    assert "Ctrl-C ends it" in capsys.readouterr().out
