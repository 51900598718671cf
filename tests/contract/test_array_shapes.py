"""Every public function, constructor and field that takes or holds an array says what its axes are.

A shape is written as numpy writes it, `(nodes, periods)` or `(nodes,)`, in the docstring of the function, on the field
or its class, or once on the type alias that the annotation uses.
"""

from __future__ import annotations

import pytest

from support.tree.array_shapes import places, states_shape


def test_every_public_array_says_its_shape() -> None:
    found = places()
    silent = [place.name for place in found if not place.says_shape]
    assert len(found) > 150
    assert not silent, f"{len(silent)} of {len(found)} do not say the shape of an array:\n" + "\n".join(silent)


@pytest.mark.parametrize(
    "text",
    ["Wh, (nodes, periods).", "One value per node: (nodes,).", "(samples, 784), 0 to 255", "(batches * 32, 2)"],
)
def test_a_shape_names_its_axes(text: str) -> None:
    assert states_shape(text)


@pytest.mark.parametrize(
    "text", [None, "", "Pairs of a round (shard, worker).", "A note (nodes).", "(weak duality, with column bounds)"]
)
def test_other_words_in_brackets_are_no_shape(text: str | None) -> None:
    assert not states_shape(text)
