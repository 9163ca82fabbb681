"""The site as a reader meets it, in Chromium without a window: `make site-test` builds it and runs this."""

import functools
import json
import os
import re
import threading
from html.parser import HTMLParser
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import torch
from PIL import Image

from course.live import NETWORKS, TWINS, Page, weights_of
from course.site import SITE, Isolated
from cs_utils.data.cityscapes import read_upright
from cs_utils.labels import VOID
from cs_utils.models.zoo import load_weights
from cs_utils.settings import Settings

PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)
LESSONS = [page for page in PAGES if re.match(r"lessons/\d", page)]
SIZES = {"a desk": (1280, 900), "a phone": (390, 844)}


class Quiet(Isolated):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page(browser, address):
    """A page that collects what goes wrong on it in ``page.faults``."""
    page = browser.new_page()
    page.faults = []
    page.on("console", lambda message: message.type == "error" and page.faults.append(message.text))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("response", lambda answer: answer.status >= 400 and page.faults.append(f"{answer.status}: {answer.url}"))

    def failed(request):
        if request.failure != "net::ERR_ABORTED":  # the page was left before it was there
            page.faults.append(f"failed: {request.url}")

    page.on("requestfailed", failed)

    def see(request):
        if not request.url.startswith((address, "file://", "data:", "blob:")):
            page.faults.append(f"another host: {request.url}")

    page.on("request", see)
    yield page
    page.close()


class Links(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.images, self.parts = set(), [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "img":
            self.images.append(given)
        loaded = given.get("src") if tag in ("img", "script") else given.get("href") if tag == "link" else None
        if loaded and given.get("rel", "stylesheet") in ("stylesheet", "icon"):
            self.parts.append(urlsplit(loaded).path)


def test_every_link_and_anchor_leads_somewhere():
    read = functools.cache(lambda page: Links(SITE / page))
    broken = []
    for page in PAGES:
        for link in read(page).links:
            split = urlsplit(link)
            if split.scheme:
                continue
            target = (SITE / page).parent / unquote(split.path) if split.path else SITE / page
            name = Path(os.path.relpath(target, SITE)).as_posix()
            if not target.exists() or (
                split.fragment and name in PAGES and unquote(split.fragment) not in read(name).ids
            ):
                broken.append(f"{page}: {link}")
    assert broken == []


def test_every_picture_says_in_words_what_it_shows():
    silent = [
        f"{page}: {image['src'][:60]}" for page in PAGES for image in Links(SITE / page).images if not image.get("alt")
    ]
    assert silent == []


def test_the_pages_are_small_enough():
    def weight(page):
        """A page with its pictures, scripts (MathJax takes 2.1 MB) and style sheets."""
        files = {SITE / page} | {((SITE / page).parent / part).resolve() for part in Links(SITE / page).parts}
        return sum(file.stat().st_size for file in files)

    assert weight("index.html") < 1e6
    assert {page: weight(page) for page in LESSONS if weight(page) > 4e6} == {}
    live = sum(path.stat().st_size for path in (SITE / "live").rglob("*") if path.is_file())
    assert live < 25e6


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_every_page_opens_from_disk_without_another_host_or_an_error(page, size):
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    faults = []
    for name in PAGES:
        if name.startswith(("live/", "deck/")):
            continue
        page.goto((SITE / name).as_uri(), wait_until="load")
        if page.evaluate("document.documentElement.scrollWidth") > size[0]:
            faults.append(f"{name}: wider than the screen")
        broken = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
        faults += [f"{name}: picture {source}" for source in broken]
        faults += [f"{name}: {fault}" for fault in page.faults]
        page.faults.clear()
    assert faults == []


def test_formulas_are_drawn(page):
    page.goto((SITE / "lessons/06_loss_journey.html").as_uri())
    page.wait_for_selector("mjx-container svg")
    text = page.evaluate("[...document.querySelectorAll('article p, article li')].map(e => e.innerText).join(' ')")
    assert "$" not in text


def test_the_search_finds(page, address):
    page.goto(address + "search.html?q=dice")
    page.wait_for_selector("#search-results li")
    assert page.locator("#search-results li").count() > 3
    assert page.faults == []


def wait_for_an_answer(page, before=None):
    page.wait_for_function(
        "before => document.body.dataset.ready && document.body.dataset.ready !== before", arg=before
    )
    return page.evaluate("document.body.dataset.ready")


@pytest.fixture
def live(page, address):
    page.goto(address + "live/index.html")
    wait_for_an_answer(page)
    return page


def mask_of(page, network):
    return np.array(page.evaluate(f"Array.from(live.answers['{network}'].mask)"), np.uint8).reshape(256, 512)


def open_scene(name):
    """The first scene of the page as PyTorch sees it: a network's mask (256, 512), and the trainIds."""
    scene = json.loads((SITE / "live/assets/live.json").read_text(encoding="utf-8"))["scenes"][0]
    image, truth = (read_upright(SITE / "live/assets" / scene[key]) for key in ("image", "labels"))
    unet, _ = load_weights(weights_of(name), Settings(accelerator="cpu"))
    with torch.no_grad():
        logits = Page(unet).eval()(torch.from_numpy(image).permute(2, 0, 1)[None].float(), torch.ones(4))
    return logits[0].argmax(0).numpy(), truth[..., 0] if truth.ndim == 3 else truth


def compare(page):
    """Ask for the comparison of the two twins; return the name of the answer."""
    ready = page.evaluate("document.body.dataset.ready")
    page.get_by_role("button", name="Compare SiLU and ReLU").press("Enter")
    return wait_for_an_answer(page, ready)


@pytest.mark.parametrize("name", [*NETWORKS, *TWINS])
def test_the_live_page_predicts_what_pytorch_predicts(live, name):
    ready = live.evaluate("document.body.dataset.ready")
    if name in TWINS:
        compare(live)
    elif not (box := live.locator(f".net[value='{name}']")).is_checked():
        box.check()
        wait_for_an_answer(live, ready)
    mask, _ = open_scene(name)
    assert (mask_of(live, name) == mask).mean() > 0.999
    assert live.faults == []


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_live_page_compares_two_activations(live, size):
    live.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    ready = compare(live)
    first, second = (live.locator(f"#view-{name}") for name in TWINS)
    assert live.locator("canvas").count() == 2
    boxes = [view.bounding_box() for view in (first, second)]
    apart = "x" if size[0] > 600 else "y"
    assert [boxes[1][side] > boxes[0][side] for side in "xy"] == [side == apart for side in "xy"]
    assert live.evaluate("document.documentElement.scrollWidth") <= size[0]

    score = live.locator("#score").inner_text()
    silu, relu, same = map(float, re.search(r"SiLU ([\d.]+) %, ReLU ([\d.]+) %.* agree on ([\d.]+) %", score).groups())
    masks, (_, truth) = [mask_of(live, name) for name in TWINS], open_scene("silu")
    for shown, mask in zip((silu, relu), masks, strict=True):
        pairs = [((mask == c) & (truth == c), ((mask == c) | (truth == c)) & (truth != VOID)) for c in range(19)]
        ious = [both.sum() / either.sum() for both, either in pairs if either.any()]
        assert shown == pytest.approx(100 * np.mean(ious), abs=0.06)
    assert same == pytest.approx(100 * (masks[0] == masks[1]).mean(), abs=0.06)
    assert same < 100

    second.press("ArrowLeft")
    assert re.match(r"SiLU: [a-z ]+, \d+ % sure\. ReLU: [a-z ]+, \d+ % sure\. ", live.locator("#verdict").inner_text())
    assert live.locator("#bars tr").first.locator("td").count() == 2
    live.locator("#noise").fill("80")
    ready = wait_for_an_answer(live, ready)
    assert all((mask_of(live, name) != mask).any() for name, mask in zip(TWINS, masks, strict=True))
    live.get_by_role("button", name="Compare SiLU and ReLU").click()
    wait_for_an_answer(live, ready)
    assert live.locator("canvas").count() == 1
    assert live.faults == []


def test_the_live_page_can_be_clicked_and_moved(live):
    before, ready = mask_of(live, "minicity"), live.evaluate("document.body.dataset.ready")
    live.locator("#view-minicity").click(position={"x": 20, "y": 10})
    said = live.locator("#verdict").inner_text()
    assert re.match(r"[a-z ]+, \d+ % sure\. ", said)
    assert live.locator("#bars tr").count() == 6
    live.get_by_role("button", name="All classes").press("Space")
    assert live.locator("#bars tr").count() == 19
    chances = [float(text.split()[0]) for text in live.locator("#bars td").all_inner_texts()]
    assert sum(chances) == pytest.approx(100, abs=2)  # each is rounded
    live.locator("#view-minicity").press("ArrowRight")
    assert live.evaluate("live.cross[0]") > 0
    live.locator("#dark").fill("0.9")
    ready = wait_for_an_answer(live, ready)
    assert (mask_of(live, "minicity") != before).mean() > 0.01
    live.locator("#reset").click()
    ready = wait_for_an_answer(live, ready)
    assert (mask_of(live, "minicity") == before).all()
    live.locator(".skip[value='0']").uncheck()
    wait_for_an_answer(live, ready)
    assert (mask_of(live, "minicity") != before).mean() > 0.01
    assert live.faults == []


def test_the_live_page_opens_a_photo_of_any_shape(live, tmp_path):
    Image.new("RGB", (300, 700), (120, 120, 120)).save(tmp_path / "photo.jpg")
    ready = live.evaluate("document.body.dataset.ready")
    live.locator("#file").set_input_files(tmp_path / "photo.jpg")
    wait_for_an_answer(live, ready)
    width, height = live.evaluate("[live.shown.width, live.shown.height]")
    assert width / height == pytest.approx(300 / 700, rel=0.05)
    assert "IoU" not in live.locator("#score").inner_text()


def test_the_live_page_says_from_disk_what_to_do(page):
    page.goto((SITE / "live/index.html").as_uri())
    assert "make serve" in page.locator("#notice").inner_text()


def test_the_square_on_the_live_page_is_all_that_a_pixel_can_see(page):
    """Of lesson 04, and measured by the gradient in the tests of the U-Net."""
    script = (SITE / "live/live.js").read_text(encoding="utf-8")
    start = script.index("function seenFrom(")
    function = script[start : script.index("\n}\n", start) + 2]
    seen = page.evaluate(f"(() => {{ {function} return [128, 130, 142].map(seenFrom); }})()")
    assert seen == [[34, 221], [34, 237], [50, 237]]


def test_the_deck_turns_and_shows_every_figure(page):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto((SITE / "deck/index.html").as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    slides = page.evaluate("Reveal.getTotalSlides()")
    assert slides > 20
    seen = []
    for _ in range(slides):
        seen.append(page.evaluate("Reveal.getCurrentSlide().innerText"))
        overflow = page.evaluate("(s => s.scrollHeight - s.clientHeight)(Reveal.getCurrentSlide())")
        assert overflow <= 2, seen[-1][:60]
        page.keyboard.press("ArrowRight")
    assert len(set(seen)) == slides
    assert page.evaluate("[...document.images].every(i => i.naturalWidth > 0 && i.alt.length > 40)")
    assert page.faults == []
