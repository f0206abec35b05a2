"""Self-contained HTML pages: one style for all reports, with figures and interactive time series that are part of the page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from jules_ml.support.interactive import Panel, interactive
from jules_ml.support.provenance import command_line, input_files, software


def render_page(
    package: str, template: str, *, panels: Sequence[Panel] = (), inputs: Sequence[Path] = (), **context: Any
) -> str:
    """Render a template of a package, which extends ``base.html.j2`` of this package.

    Parameters
    ----------
    package : str
        Package that contains the template.
    template : str
        File name of the template.
    panels : sequence of Panel
        Interactive time series, where the template calls ``time_series()``.
    inputs : sequence of Path
        Files that the results were computed from, for the provenance.
    **context
        Variables of the template; ``software``, ``command_line``, ``input_files`` and ``series`` are added.

    Returns
    -------
    str
        HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package, "."), jinja2.PackageLoader("jules_ml.support", ".")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    series = interactive(panels)
    return environment.get_template(template).render(
        software=software(),
        command_line=command_line(),
        input_files=input_files(inputs),
        # the parts are HTML
        series=None if series is None else {name: Markup(part) for name, part in vars(series).items()},
        **context,
    )


def embedded(image: Path) -> str:
    """Content of a PNG file as text, for the source of an image in a page."""
    return base64.b64encode(image.read_bytes()).decode("ascii")
