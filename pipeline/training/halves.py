"""People in two halves, for what is trained without pairs: photos are of the one, drawings of the other."""

from pipeline.core.dataset import Split
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.core.manifest import read_faces


def halves(layout: Layout, split: Split) -> tuple[Split, Split]:
    """Every other person of a split, by name, and the rest; all pictures of a person are in one half.

    Where no list of faces tells who is who, every face is a person. Raises UserError for a single person.
    """
    listed = (layout.faces / "faces.csv").exists()
    subjects = {face.id: face.subject for face in read_faces(layout)} if listed else {}
    people = [subjects.get(face, face) for face in split.ids]
    order = {person: place for place, person in enumerate(sorted(set(people)))}
    if len(order) < 2:
        raise UserError("training: without pairs there have to be two people at least; data/packed/train has one")
    return _part(split, people, order, 0), _part(split, people, order, 1)


def _part(split: Split, people: list[str], order: dict[str, int], half: int) -> Split:
    faces = [place for place, person in enumerate(people) if order[person] % 2 == half]
    layers = {name: layer[faces] for name, layer in split.layers.items()}
    return Split([split.ids[place] for place in faces], layers, split.digest, split.made_with, split.eyes, split.only)
