"""Self-contained HTML pages: one style for all reports, and figures that are part of the page."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import jinja2

from jules_ml.support.provenance import software


def render_page(package: str, template: str, **context: Any) -> str:
    """Render a template of a package, which extends ``base.html.j2`` of this package.

    Parameters
    ----------
    package : str
        Package that contains the template.
    template : str
        File name of the template.
    **context
        Variables of the template; ``software`` is added.

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
    return environment.get_template(template).render(software=software(), **context)


def embedded(image: Path) -> str:
    """Content of a PNG file as text, for the source of an image in a page."""
    return base64.b64encode(image.read_bytes()).decode("ascii")
