"""What the editing net begins with: the ISN's photos of faces' true lines in their own tones."""

import json
from pathlib import Path

import numpy as np
import torch

from pipeline.apps.torch_nets import open_weights
from pipeline.core.dataset import Split, read_split
from pipeline.core.layout import PROPOSED, Layout
from pipeline.core.polarity import unit
from pipeline.training import propose
from tests.tiny_system import SIZE, write_system


def packed(data: Path) -> None:
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 2)):
        folder = data / "packed" / split
        folder.mkdir(parents=True)
        np.save(folder / "photo.npy", rng.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8))
        np.save(folder / "product.npy", rng.integers(0, 256, (count, SIZE, SIZE), np.uint8))
        ids = [f"{split}{i}" for i in range(count)]
        eyes = {"train11": [0.3, 0.4]}
        index = {
            "ids": ids,
            "layers": {"photo": "1", "product": "2"},
            "eyes": eyes,
            "made_with": {"photo": {"size": SIZE}},
        }
        (folder / "index.json").write_text(json.dumps(index))


def test_proposals_are_the_isn_s_photos_of_faces_spread_over_the_split(tmp_path: Path) -> None:
    data = tmp_path / "data"
    packed(data)
    system = tmp_path / "system.safetensors"
    write_system(system)
    propose.run(propose.ProposeParams(str(system), 10, 5), data, "cpu")
    made, source = (read_split(Layout(data, folder), "train") for folder in (PROPOSED, "packed"))
    assert len(made.ids) == 10
    assert (made.ids[0], made.ids[-1]) == ("train0", "train11")
    assert made.made_with == source.made_with
    assert made.eyes == source.eyes
    places = [source.ids.index(face) for face in made.ids]
    for layer in ("photo", "product"):
        assert np.array_equal(made.layers[layer], source.layers[layer][places])
    nets = open_weights(system, torch.device("cpu"))
    photos = nets.photos(unit(np.asarray(made.layers["product"])), nets.style(np.asarray(made.layers["photo"])))
    assert np.abs(photos.astype(int) - made.layers["proposal"]).max() <= 1
    assert len(read_val(data).ids) == 2  # all there are


def read_val(data: Path) -> Split:
    return read_split(Layout(data, PROPOSED), "val")
