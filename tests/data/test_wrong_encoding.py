import numpy as np
import pytest

from cs_utils.data.check import verify
from cs_utils.data.cityscapes import Frame, find_frames, read_mask, write_frame, write_png
from cs_utils.data.loaders import loaders
from cs_utils.data.wrong_encoding import encoding_problem
from cs_utils.exceptions import CourseError
from cs_utils.labels import VOID, id_to_train_id, train_id_to_slide
from minicity import draw_instance_ids, draw_label_ids, make_scene, polygons_json

SIZE = (64, 128)
SEEDS = range(6)
ENCODINGS = {
    "void 20": lambda ids: train_id_to_slide(id_to_train_id(ids)),
    "void 19": lambda ids: np.minimum(id_to_train_id(ids), 19),
    "void 255": id_to_train_id,
    "void 0": lambda ids: id_to_train_id(ids) + np.uint8(1),
}
"""How label images are encoded elsewhere, made from label ids."""


@pytest.fixture(scope="module")
def scenes():
    made = [make_scene(seed, *SIZE) for seed in SEEDS]
    return [(scene, draw_label_ids(scene.objects, *SIZE)) for scene in made]


@pytest.fixture
def root(scenes, tmp_path):
    for number, (scene, ids) in enumerate(scenes):
        frame = Frame(tmp_path, "train" if number < 4 else "val", "city", f"city_{number:06d}_000000")
        write_frame(frame, scene, ids, draw_instance_ids(scene.objects, *SIZE))
    return tmp_path


def encode(root, encoding, with_polygons):
    frames = [frame for split in ("train", "val") for frame in find_frames(root, split)]
    for frame in frames:
        write_png(frame.label_ids, ENCODINGS[encoding](read_mask(frame.label_ids)))
        if not with_polygons:
            frame.polygons.unlink()
    return frames


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_polygons_tell_another_encoding_and_let_label_ids_pass(scenes, encoding):
    for scene, ids in scenes:
        polygons = polygons_json(scene)
        assert encoding_problem(ids, polygons) is None
        problem = encoding_problem(ENCODINGS[encoding](ids), polygons)
        assert ("another encoding" if encoding == "void 0" else "holds trainIds") in problem
        assert len(problem.splitlines()) == 1


@pytest.mark.parametrize("encoding", ["void 20", "void 19"])
def test_without_polygons_the_place_of_the_classes_tells(scenes, encoding):
    assert [encoding_problem(ids, None) for _, ids in scenes] == [None] * len(SEEDS)
    found = [encoding_problem(ENCODINGS[encoding](ids), None) for _, ids in scenes]
    assert all("holds trainIds" in problem for problem in found)


@pytest.mark.parametrize("values", [(0, 7), (0, 17), (7, 8, 11), (0, 1, 3), (0, 2, 3)])
def test_label_images_of_few_labels_pass(values):
    # Roads only, poles only, a street without sky, and what Cityscapes' own test split holds.
    ids = np.zeros((30, 40), np.uint8)
    ids[10:] = values[0]
    ids[5:10, 10:] = values[-1]
    ids[20:] = values[1]
    assert encoding_problem(ids, None) is None


def test_polygons_that_disagree_in_one_region_are_no_other_encoding(scenes):
    scene, ids = scenes[0]
    polygons = polygons_json(scene)
    largest = np.bincount(ids.ravel()).argmax()
    assert encoding_problem(np.where(ids == largest, 33, ids).astype(np.uint8), polygons) is None


@pytest.mark.parametrize("with_polygons", [True, False])
@pytest.mark.parametrize("encoding", ["void 20", "void 19"])
def test_what_is_no_label_id_is_neither_trained_on_nor_scored(root, settings, encoding, with_polygons):
    chosen = settings.replace(data=root)
    loaders(chosen)
    frames = encode(root, encoding, with_polygons)
    with pytest.raises(CourseError, match=r"labelIds.png holds trainIds.*give label ids") as error:
        loaders(chosen)
    assert len(str(error.value).splitlines()) == 1
    # The instances contradict as well, but one fault is one line.
    problems = [line for line in verify(root).problems if "polygons.json is missing" not in line]
    assert len(problems) == len(frames)
    assert all("holds trainIds" in line for line in problems)


def test_void_255_is_still_refused_where_polygons_are_broken(root, settings):
    for frame in encode(root, "void 255", with_polygons=True):
        frame.polygons.write_text("{")
    with pytest.raises(CourseError, match=f"holds {VOID}"):
        loaders(settings.replace(data=root))
