"""Pictures of figures that were rendered before: rendering takes a second, and many tests write the same figures of other data."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from matplotlib.figure import Figure

from helpers.figures import check_style
from jules_ml.support.figure_layout import arrange


def kind_of(figure: Figure) -> Hashable:
    """What figures of the same function have in common: their size, and for each panel its labels and numbers of lines and images."""
    panels = [
        (*map(bool, (axis.get_title("left"), axis.get_xlabel(), axis.get_ylabel())), len(axis.lines), len(axis.images))
        for axis in figure.axes
    ]
    return (*figure.get_size_inches(), *panels)


#: Pictures by kind, for all files of tests of a process.
_PICTURES: Final[dict[Hashable, bytes]] = {}


@contextmanager
def rendered_once() -> Iterator[None]:
    """Render the first figure of each kind and check its style; a later one gets its picture. Figures of a subprocess are all rendered."""
    render = Figure.savefig
    pictures = _PICTURES

    def arrange_first(figure: Figure) -> None:
        if kind_of(figure) not in pictures:
            arrange(figure)
            check_style(figure)

    def savefig(figure: Figure, file: Any, **options: Any) -> None:
        kind = kind_of(figure)
        if kind not in pictures:
            render(figure, file, **options)
            pictures[kind] = Path(file).read_bytes()
        else:
            Path(file).write_bytes(pictures[kind])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", savefig)
        patch.setattr("jules_ml.support.figures.arrange", arrange_first)
        yield
