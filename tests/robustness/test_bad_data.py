"""Whatever is wrong with a data folder: an error that names the file, or the very pixels and labels that were there.

Each kind of fault is injected into a fresh copy of a small data set, at random places. Then ``data check`` must name
the file, unless nothing is wrong with it, and loading must either name it too or give what the undamaged folder gives.
``make soak`` injects each kind many times.
"""

import io
import json
import os
import shutil
import struct
import tempfile
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from cs_utils.cli import main
from cs_utils.data.check import verify
from cs_utils.data.cityscapes import Frame, find_frames, read_frame, read_mask, read_upright, write_png
from cs_utils.data.loaders import StreetScenes, split_loader
from cs_utils.data.transforms import Preprocessing
from cs_utils.evaluation.photos import predict_files
from cs_utils.exceptions import CourseError
from cs_utils.settings import Settings
from helpers import SIZE, SOAK, ByColour, draw_frame, plain_loader

CASES = 10 if SOAK else 1
"""How often each kind of fault is injected."""
HAS_USERS = hasattr(os, "geteuid")
NOBODY = 65534

Damage = Callable[[Path, Frame, np.random.Generator], None]
Items = dict[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Fault:
    """A kind of fault, and what must come of it."""

    target: str
    """Which file of a frame it is done to: a property of `Frame`; "root": the folder as a whole."""
    damage: Damage
    check: str | None
    """What the check says of the file; None: it says nothing, because nothing is wrong."""
    load: str | None = None
    """What loading says of the file before it stops; None: it gives the undamaged pixels and labels."""
    names: Callable[[Frame], Path] | None = None
    """What is named, if it is not the target."""


def encode(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def add_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """Put a chunk behind the header of a PNG file."""
    return data[:33] + chunk(kind, content) + data[33:]


def claim_size(path: Path, width: int, height: int) -> bytes:
    """Let the header of a PNG claim another size."""
    data = path.read_bytes()
    return data[:8] + chunk(b"IHDR", struct.pack(">II", width, height) + data[24:29]) + data[33:]


def claim_too_much(path: Path, rng: np.random.Generator) -> bytes:
    """Claim more pixels than memory holds, or a row longer than the decoder takes."""
    return claim_size(path, *((60_000, 60_000), (2_000_000, 1), (30_000, 20_000))[rng.integers(3)])


def grey_of_few_bits(pixels: np.ndarray, depth: int) -> bytes:
    """A grey PNG of 1, 2 or 4 bits: what OpenCV stretches over 0..255."""
    bits = np.unpackbits(pixels[..., None], axis=2)[..., 8 - depth :].reshape(len(pixels), -1)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in bits)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def rewrite(make: Callable[[Path, np.random.Generator], bytes]) -> Damage:
    """A damage that writes other bytes in the file's place."""
    return lambda path, _, rng: path.write_bytes(make(path, rng))


def repaint(make: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Damage:
    """A damage that writes other pixels in the file's place, made from its own as they are stored."""

    def damage(path: Path, _: Frame, rng: np.random.Generator) -> None:
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        path.write_bytes(cv2.imencode(".png", make(pixels, rng))[1].tobytes())

    return damage


def replace_by(make: Callable[[Path], None]) -> Damage:
    """A damage that puts something else where the file was."""

    def damage(path: Path, _: Frame, __: np.random.Generator) -> None:
        path.unlink()
        make(path)

    return damage


def overwrite_bytes(path: Path, rng: np.random.Generator) -> bytes:
    data = bytearray(path.read_bytes())
    start = int(rng.integers(len(data)))
    stop = start + int(rng.integers(1, 64))
    data[start:stop] = bytes(value ^ int(rng.integers(1, 256)) for value in data[start:stop])
    return bytes(data)


def flip_bit(path: Path, rng: np.random.Generator) -> bytes:
    data = bytearray(path.read_bytes())
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    return bytes(data)


def another_size(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = rng.integers(1, 80, 2)
    height += height == SIZE[0]
    return cv2.resize(pixels, (int(width), int(height)), interpolation=cv2.INTER_NEAREST)


def put_wrong_id(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pixels[tuple(rng.integers(pixels.shape))] = rng.integers(34, 256)
    return pixels


def of_mode(mode: str) -> Damage:
    """A damage that stores the same picture in another of PNG's ways."""
    return rewrite(lambda path, _: encode(Image.open(path).convert("RGB").convert(mode)))


def palette(path: Path, _: np.random.Generator) -> bytes:
    return encode(Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE))


def with_alpha(path: Path, rng: np.random.Generator) -> bytes:
    alpha = Image.fromarray(rng.integers(0, 256, SIZE, dtype=np.uint8))
    image = Image.open(path).convert("RGBA")
    image.putalpha(alpha)
    return encode(image)


def turned_by_exif(path: Path, rng: np.random.Generator) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = int(rng.integers(2, 9))
    return encode(Image.open(path), exif=exif)


def ancillary(path: Path, rng: np.random.Generator) -> bytes:
    """Add what a decoder may read and must not act on: gamma, a transparent colour, trailing bytes."""
    data = path.read_bytes()
    channels = 1 if data[25] == 0 else 3
    return (
        add_chunk(data, b"gAMA", struct.pack(">I", int(rng.integers(20_000, 200_000)))),
        add_chunk(data, b"tRNS", struct.pack(f">{channels}H", *[int(rng.integers(34))] * channels)),
        data + bytes(int(rng.integers(1, 5000))),
    )[rng.integers(3)]


def in_format(ending: str) -> Damage:
    return rewrite(lambda path, _: cv2.imencode(ending, cv2.imread(str(path), cv2.IMREAD_UNCHANGED))[1].tobytes())


def change_json(change: Callable[[dict], object]) -> Damage:
    def damage(path: Path, _: Frame, __: np.random.Generator) -> None:
        content = json.loads(path.read_text())
        path.write_text(json.dumps(change(content) or content))

    return damage


def copy_from(source: str) -> Damage:
    return lambda path, frame, _: path.write_bytes(getattr(frame, source).read_bytes()) and None


def truncate(path: Path, rng: np.random.Generator) -> bytes:
    data = path.read_bytes()
    return data[: rng.integers(1, len(data))]


def link_elsewhere(path: Path) -> None:
    """Move a file or folder out of the data folder and leave a link."""
    data = path if path.name == "data" else next(parent for parent in path.parents if parent.name == "data")
    elsewhere = data.with_name("elsewhere") / path.name
    elsewhere.parent.mkdir(exist_ok=True)
    path.rename(elsewhere)
    path.symlink_to(elsewhere, target_is_directory=elsewhere.is_dir())


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def rename_city(frame: Frame) -> None:
    """Give a city, and all its files, a name with a space and letters that are not ASCII, at its place in the order."""
    for folder in (frame.image.parent, frame.label_ids.parent):
        for path in folder.iterdir():
            path.rename(path.with_name(path.name.replace(frame.city, f"{frame.city} ü 写")))
        folder.rename(folder.with_name(f"{frame.city} ü 写"))


def strew(frame: Frame, rng: np.random.Generator) -> None:
    """Leave files about that are none of ours, as systems, browsers and other tools do."""
    for folder in (frame.image.parent, frame.label_ids.parent, frame.image.parent.parent, frame.root):
        for name in (".DS_Store", "Thumbs.db", "read me.txt", "._photo.png"):
            (folder / name).write_bytes(rng.bytes(int(rng.integers(0, 50))))
    for path in (frame.image, frame.label_ids):
        path.with_name(f"._{path.name}").write_bytes(b"resource fork")
        path.with_name(path.name.replace(".png", " (1).png")).write_bytes(b"")
        path.with_name(f".{path.name}.77.tmp").write_bytes(b"half")
        (path.parent / "folder").mkdir()
        hidden = path.parent.parent / ".trash"
        shutil.copytree(path.parent, hidden)
    frame.label_ids.with_name(f"{frame.name}_gtFine_labelTrainIds.png").write_bytes(b"another tool's")
    (frame.image.parent.parent / "emptytown").mkdir()


def only_colours_left(frame: Frame) -> None:
    for path in (frame.image, frame.label_ids, frame.instance_ids, frame.polygons):
        path.unlink()


def on_root(act: Callable[[Frame], None]) -> Damage:
    return lambda _, frame, __: act(frame)


def make_file_of_city(frame: Frame) -> None:
    shutil.rmtree(frame.image.parent)
    frame.image.parent.write_bytes(b"")


def lock(folder: Path, mode: int) -> None:
    """Take rights away from a folder and all in it, from the inside out."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(mode & (0o777 if path.is_dir() else 0o666))
    folder.chmod(mode)


def own_labels(frame: Frame) -> Path:
    return frame.label_ids


def photos_of_city(frame: Frame) -> Path:
    return frame.image.parent


def labels_of_city(frame: Frame) -> Path:
    return frame.label_ids.parent


PNGS = {"image": True, "label_ids": True, "instance_ids": False, "color": False}
"""The pictures of a frame, and whether loading reads them."""
NO_IMAGE, NO_FILE, NOWHERE, MISSING, NO_LABELS = (
    "is truncated or not an image",
    "is not a file",
    "is a link that leads nowhere",
    "is missing",
    "is no label image",
)


def make_faults() -> dict[str, Fault]:
    faults: dict[str, Fault] = {}
    for target, loaded in (PNGS | {"polygons": False}).items():
        broken = "is not a polygon file" if target == "polygons" else NO_IMAGE
        for name, damage, says in (
            ("truncated", rewrite(truncate), broken),
            ("zero-length", rewrite(lambda *_: b""), broken),
            ("a web page", rewrite(lambda *_: b"<html><body>404 Not Found</body></html>"), broken),
            ("missing", lambda path, *_: path.unlink(), MISSING),
            ("a folder", replace_by(Path.mkdir), NO_FILE),
            ("a dangling link", replace_by(lambda path: path.symlink_to(path.with_name("nowhere"))), NOWHERE),
            ("a link in a circle", replace_by(make_loop), "cannot be read"),
            *([("a pipe", replace_by(os.mkfifo), NO_FILE)] if hasattr(os, "mkfifo") else []),
            *([("locked", lambda path, *_: path.chmod(0), "cannot be read")] if HAS_USERS else []),
        ):
            faults[f"{target}: {name}"] = Fault(target, damage, says, says if loaded else None)
        faults[f"{target}: a link"] = Fault(target, lambda path, *_: link_elsewhere(path), None)
    for target, loaded in PNGS.items():
        for name, damage, says in (
            ("a bit flipped", rewrite(flip_bit), ""),
            ("bytes overwritten", rewrite(overwrite_bytes), ""),
            ("a size beyond memory", rewrite(claim_too_much), NO_IMAGE),
        ):
            faults[f"{target}: {name}"] = Fault(target, damage, says, says if loaded else None)
        faults[f"{target}: ancillary data"] = Fault(target, rewrite(ancillary), None)

    sixteen = repaint(lambda pixels, _: pixels.astype(np.uint16) * 257)
    for name, fault in {
        # Read as they are meant, all the same they are not what the layout promises to other programs.
        "image: 16-bit": Fault("image", sixteen, "is 16-bit RGB PNG"),
        "image: palette": Fault("image", rewrite(palette), "is 8-bit palette PNG"),
        "image: RGBA": Fault("image", rewrite(with_alpha), "is 8-bit RGBA PNG"),
        "image: no PNG": Fault("image", in_format(".bmp"), "is no PNG"),
        # The labels were drawn on the pixels as they are stored.
        "image: to be turned": Fault("image", rewrite(turned_by_exif), None),
        "image: grey": Fault("image", of_mode("L"), *["is no photo: it is 8-bit grey PNG"] * 2),
        "image: grey and alpha": Fault("image", of_mode("LA"), *["is no photo"] * 2),
        "image: labels instead": Fault("image", copy_from("label_ids"), *["is no photo"] * 2),
        "image: another size": Fault("image", repaint(another_size), *["they must have the same size"] * 2, own_labels),
        "label_ids: 16-bit": Fault("label_ids", sixteen, *[NO_LABELS] * 2),
        "label_ids: colour": Fault("label_ids", of_mode("RGB"), *[NO_LABELS] * 2),
        "label_ids: RGBA": Fault("label_ids", of_mode("RGBA"), *[NO_LABELS] * 2),
        "label_ids: grey and alpha": Fault("label_ids", of_mode("LA"), *[NO_LABELS] * 2),
        "label_ids: palette": Fault("label_ids", rewrite(palette), *[NO_LABELS] * 2),
        "label_ids: JPEG": Fault("label_ids", in_format(".jpg"), *[NO_LABELS] * 2),
        "label_ids: photo instead": Fault("label_ids", copy_from("image"), *[NO_LABELS] * 2),
        "label_ids: colours instead": Fault("label_ids", copy_from("color"), *[NO_LABELS] * 2),
        "label_ids: instances instead": Fault("label_ids", copy_from("instance_ids"), *[NO_LABELS] * 2),
        "label_ids: another size": Fault("label_ids", repaint(another_size), *["they must have the same size"] * 2),
        "label_ids: a wrong id": Fault("label_ids", repaint(put_wrong_id), *["but label ids end at 33"] * 2),
        "label_ids: trainIds": Fault(
            "label_ids",
            lambda path, frame, _: write_png(path, read_frame(frame)[1]),
            *["holds 255, but label ids end at 33"] * 2,
        ),
        "instance_ids: 8-bit": Fault("instance_ids", copy_from("label_ids"), NO_LABELS),
        "instance_ids: palette": Fault("instance_ids", rewrite(palette), NO_LABELS),
        "instance_ids: another size": Fault("instance_ids", repaint(another_size), "does not show the same labels"),
        "instance_ids: another label": Fault(
            "instance_ids", repaint(lambda pixels, rng: put_wrong_id(pixels, rng) // 2), "does not show the same labels"
        ),
        "color: labels instead": Fault("color", copy_from("label_ids"), NO_LABELS),
        "color: 16-bit": Fault("color", sixteen, NO_LABELS),
        "color: another size": Fault("color", repaint(another_size), "is for another size"),
        "polygons: of another size": Fault("polygons", change_json(lambda c: c.update(imgWidth=60)), "another size"),
        "polygons: an unknown label": Fault(
            "polygons", change_json(lambda c: c["objects"][0].update(label="lorry")), "names 'lorry', which is no label"
        ),
    }.items():
        faults[name] = fault
    for depth in (1, 2, 4):
        # Ids 0 and 1, void both, would come out as 0 and 255, 85 or 17: the last is a pole.
        few = rewrite(lambda _, rng, depth=depth: grey_of_few_bits(rng.integers(0, 2, SIZE, dtype=np.uint8), depth))
        faults[f"label_ids: {depth}-bit"] = Fault("label_ids", few, *[NO_LABELS] * 2)
    for name, change in {
        "a list": lambda content: [content],
        "no objects": lambda content: {"imgHeight": 32, "imgWidth": 64},
        "a number for a label": lambda content: content["objects"][0].update(label=7),
        "a corner of one number": lambda content: content["objects"][0].update(polygon=[[0, 0], [1]]),
        "a corner at NaN": lambda content: content["objects"][0].update(polygon=[[0, float("nan")]]),
        "a corner too far": lambda content: content["objects"][0].update(polygon=[[10**400, 0]]),
    }.items():
        faults[f"polygons: {name}"] = Fault("polygons", change_json(change), "is not a polygon file")
    faults["polygons: nested for ever"] = Fault(
        "polygons", rewrite(lambda *_: b'{"objects": ' + b"[" * 200_000), "is not a polygon file"
    )
    faults["polygons: not UTF-8"] = Fault("polygons", rewrite(lambda *_: b'{"a": "\xff"}'), "is not a polygon file")

    for name, act in {
        "a link": lambda frame: link_elsewhere(frame.root),
        "a city is a link": lambda frame: link_elsewhere(frame.image.parent),
        "labels behind a link": lambda frame: link_elsewhere(frame.root / "gtFine"),
        "a city of foreign letters": rename_city,
        **({"read-only": lambda frame: lock(frame.root, 0o555)} if HAS_USERS else {}),
    }.items():
        faults[f"root: {name}"] = Fault("root", on_root(act), None)
    faults["root: extra files"] = Fault("root", lambda _, frame, rng: strew(frame, rng), None)
    faults["root: a city is a file"] = Fault("root", on_root(make_file_of_city), *[MISSING] * 2, photos_of_city)
    faults["root: no labels at all"] = Fault(
        "root",
        on_root(lambda frame: shutil.rmtree(frame.root / "gtFine")),
        *[MISSING] * 2,
        lambda frame: frame.root / "gtFine",
    )
    # Neither photo nor labels: there is nothing to load, but the check sees what is left.
    faults["root: only colours left"] = Fault("root", on_root(only_colours_left), MISSING, None, own_labels)
    for name, act, says in (
        ("a city is a dangling link", lambda path: path.symlink_to(path.with_name("nowhere")), NOWHERE),
        ("a city is a link in a circle", make_loop, "cannot be read"),
    ):
        damage = partial(lambda act, _, frame, __: (shutil.rmtree(frame.image.parent), act(frame.image.parent)), act)
        faults[f"root: {name}"] = Fault("root", damage, says, says, photos_of_city)
    if HAS_USERS:
        locked = on_root(lambda frame: frame.label_ids.parent.chmod(0))
        faults["root: a city is locked"] = Fault("root", locked, *["cannot be read"] * 2, labels_of_city)
        # Its cities can be listed but not entered: they must not pass for files.
        faults["root: a split is locked"] = Fault(
            "root",
            on_root(lambda frame: frame.image.parent.parent.chmod(0o444)),
            *["cannot be read"] * 2,
            lambda frame: frame.image.parent.parent,
        )
    return faults


def in_short_form(name: str) -> bool:
    """Whether a fault is injected without `make soak` too: of one that any file may have, its first targets will do."""
    target, _, kind = name.partition(": ")
    return (
        target not in ("instance_ids", "color") or kind in ("missing", "truncated") or f"label_ids: {kind}" not in ALL
    )


ALL = make_faults()
FAULTS = {name: fault for name, fault in ALL.items() if SOAK or in_short_form(name)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undamaged folder: four frames to validate on, in two cities, of so few colours that a palette holds them."""
    root = tmp_path_factory.mktemp("whole") / "data"
    for number in range(4):
        frame = draw_frame(root, "val", ("alpha", "beta")[number % 2], number)
        write_png(frame.image, read_upright(frame.image) // 32 * 32)
    return root


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that any user may use, with a space and foreign letters in its name."""
    base = Path(tempfile.mkdtemp()).resolve()
    folder = base / "Straße 1 写真"
    folder.mkdir()
    for path in (base, folder):
        path.chmod(0o777)
    yield folder
    for path, folders, _ in os.walk(base):
        for name in folders:
            if not (Path(path) / name).is_symlink():
                (Path(path) / name).chmod(0o777)
    # Windows keeps what is still mapped into memory.
    shutil.rmtree(base, ignore_errors=True)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Rights count for everybody but the superuser: be somebody else for a while."""
    if not HAS_USERS or os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def make_settings(place: Path, **changes: object) -> Settings:
    return Settings(data=place / "data", cache=place / "cache", image_size=SIZE, batch_size=2, **changes)


def load(settings: Settings, cached: bool) -> Items:
    """Everything that a loader gives, by the names of the frames."""
    loader = split_loader(settings, "val", None) if cached else plain_loader(settings, "val")
    assert isinstance(loader.dataset, StreetScenes)
    items = [item for images, targets in loader for item in zip(images, targets, strict=True)]
    return dict(zip([frame.name for frame in loader.dataset.frames], items, strict=True))


@pytest.fixture(scope="module")
def expected(whole: Path) -> Items:
    """What the undamaged folder gives, read by Pillow and not by the code under test."""
    settings = Settings(image_size=SIZE)
    items = {}
    for frame in find_frames(whole, "val"):
        image, ids = (np.array(Image.open(path)) for path in (frame.image, frame.label_ids))
        train_ids = np.select([ids == 7, ids == 23, ids == 26], [0, 10, 13], 255).astype(np.uint8)
        items[frame.name] = Preprocessing(settings.image_size)(image, train_ids, np.random.default_rng(0))
    return items


def same(first: Items, second: Items) -> bool:
    return [*first] == [*second] and all(
        torch.equal(a, b) for name in first for a, b in zip(first[name], second[name], strict=True)
    )


def complaints(root: Path) -> list[str]:
    """What the check says of a folder."""
    try:
        return verify(root).problems
    except CourseError as error:
        return [str(error)]


def inject(fault: Fault, whole: Path, place: Path, seed: int) -> tuple[Frame, str]:
    """Copy the whole folder to ``place`` and do a fault to one frame; give it, and the path that must be named."""
    shutil.copytree(whole, place / "data")
    rng = np.random.default_rng(seed)
    frames = find_frames(place / "data", "val")
    frame = frames[rng.integers(len(frames))]
    target = frame.root if fault.target == "root" else getattr(frame, fault.target)
    fault.damage(target, frame, rng)
    return frame, str(fault.names(frame) if fault.names else target)


@pytest.mark.timeout(60 * CASES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_or_does_no_harm(
    name: str, whole: Path, expected: Items, place: Path, fault: Callable[[str], AbstractContextManager[None]]
) -> None:
    for number in range(CASES):
        case = place / str(number)
        case.mkdir()
        case.chmod(0o777)
        try:
            frame, path = inject(FAULTS[name], whole, case, seed=zlib.crc32(f"{name} {number}".encode()))
        except OSError as error:
            if "link" in name:
                pytest.skip(f"this system makes no links: {error}")
            raise
        with fault(f"bad data: {FAULTS[name].target}"), ordinary_user():
            examine(FAULTS[name], frame, path, expected, case)


def examine(fault: Fault, frame: Frame, path: str, expected: Items, case: Path) -> None:
    """Check and load a folder that a fault was done to."""
    said = complaints(frame.root)
    assert all(len(line.splitlines()) == 1 for line in said)
    if fault.check is None:
        assert said == []
    else:
        assert any(path in line and fault.check in line for line in said), said
        # One fault is one line; what lies in a city, or is a frame's other half, goes with it.
        assert fault.target == "root" or len(said) == 1, said

    if fault.target == "root" and fault.check and not fault.load:
        expected = {name: item for name, item in expected.items() if name != frame.name}
    for cached in (True, False) if SOAK else (True,):
        if fault.load is None:
            loaded = load(make_settings(case), cached)
            if "写" in "".join(loaded):
                loaded = {name.replace(" ü 写", ""): item for name, item in loaded.items()}
            assert same(loaded, expected)
        else:
            with pytest.raises(CourseError) as error:
                load(make_settings(case), cached)
            assert path in str(error.value)
            assert fault.load in str(error.value)
            assert len(str(error.value).splitlines()) == 1
    if fault.check == "is not a polygon file":
        with pytest.raises(CourseError) as error:
            split_loader(make_settings(case), "val", 2)
        assert path in str(error.value)


@pytest.mark.parametrize("target", ["image", "label_ids"])
def test_a_loader_process_says_the_same_one_line(target: str, whole: Path, place: Path) -> None:
    _, path = inject(FAULTS[f"{target}: zero-length"], whole, place, seed=0)
    messages = []
    for workers in (0, 2):
        with pytest.raises(CourseError) as error:
            load(make_settings(place, workers=workers), cached=False)
        messages.append(str(error.value))
        # Or the loader would live on in the traceback, and the collection of garbage would wait for its processes.
        traceback.clear_frames(error.tb)
    assert messages == [f"{path} is truncated or not an image: restore the file"] * 2


def test_loader_processes_give_what_the_undamaged_folder_gives(whole: Path, expected: Items, place: Path) -> None:
    inject(FAULTS["image: RGBA"], whole, place, seed=0)
    for cached in (True, False):
        assert same(load(make_settings(place, workers=2), cached), expected)


@pytest.mark.parametrize(("name", "status"), [("label_ids: 4-bit", 1), ("root: extra files", 0), ("color: missing", 1)])
def test_the_command_tells_a_fault_by_its_name_and_its_status(
    name: str, status: int, whole: Path, place: Path, capsys: pytest.CaptureFixture
) -> None:
    _, path = inject(FAULTS[name], whole, place, seed=0)
    assert main(["data", "check", "--data", str(place / "data")]) == status
    output = capsys.readouterr().out
    assert f"4 frames, problems: {status}" in output
    assert (path in output) == (status == 1 and FAULTS[name].target != "root")


def test_every_fault_of_a_frame_is_told_at_once(whole: Path, place: Path) -> None:
    shutil.copytree(whole, place / "data")
    frame = find_frames(place / "data", "val")[2]
    paths = (frame.image, frame.label_ids, frame.instance_ids, frame.color, frame.polygons)
    for path in paths:
        path.write_bytes(b"")
    assert [line.partition(" is ")[0] for line in verify(frame.root).problems] == [str(path) for path in paths]


def test_no_room_is_made_for_what_a_header_claims(whole: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = find_frames(shutil.copytree(whole, place / "data"), "val")[0]
    frame.image.write_bytes(claim_size(frame.image, 30_000, 20_000))
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(CourseError, match=NO_IMAGE):
        read_upright(frame.image)


def test_a_swap_of_labels_between_frames_is_found_by_the_check(whole: Path, place: Path) -> None:
    """What no loader can know: both files are whole, and each is another frame's."""
    shutil.copytree(whole, place / "data")
    first, second = find_frames(place / "data", "val")[:2]
    data = first.label_ids.read_bytes(), second.label_ids.read_bytes()
    first.label_ids.write_bytes(data[1])
    second.label_ids.write_bytes(data[0])
    problems = verify(first.root).problems
    assert [frame.instance_ids.name in line for frame, line in zip((first, second), problems, strict=True)] == [
        True
    ] * 2
    assert not np.array_equal(read_mask(first.label_ids), read_mask(second.label_ids))


@pytest.mark.skipif(not HAS_USERS, reason="this system has no rights to take away")
def test_a_cache_that_cannot_be_written_is_named(whole: Path, place: Path) -> None:
    shutil.copytree(whole, place / "data")
    (place / "cache").mkdir(mode=0o555)
    with ordinary_user(), pytest.raises(OSError, match="Permission denied") as error:
        load(make_settings(place), cached=True)
    assert str(place / "cache") in str(error.value.filename)


@pytest.mark.skipif(not HAS_USERS, reason="this system has no rights to take away")
def test_photos_that_may_not_be_read_are_named_and_the_others_are_predicted(whole: Path, place: Path) -> None:
    photo = find_frames(whole, "val")[0].image
    for name in ("good.png", "closed.png", "locked/a.png", "listed/a.png"):
        (place / name).parent.mkdir(exist_ok=True)
        shutil.copy(photo, place / name)
    for name, mode in (("closed.png", 0), ("locked", 0), ("listed", 0o444)):
        (place / name).chmod(mode)
    bad = [place / name for name in ("closed.png", "locked", "locked/a.png", "*/*.png")]
    with ordinary_user():
        *outcomes, last = predict_files(ByColour(), [*bad, place / "good.png"], SIZE, place / "out")
    assert last.overlay == place / "out" / "good_overlay.png"
    named = [*bad[:3], place / "listed" / "a.png"]
    for path, outcome in zip(named, outcomes, strict=True):
        assert outcome.problem and str(path) in outcome.problem and "Permission denied" in outcome.problem
