"""Configuration of the documentation site: ``make docs``. Nothing is downloaded while it is built."""

from __future__ import annotations

import sys
from pathlib import Path

import jules_ml

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_extensions"))

project = "jules_ml"
author = "The jules_ml developers"
copyright = "2026, the jules_ml developers"
release = version = jules_ml.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "command_line",
    "fortran_interface",
]
templates_path = ["_templates"]
exclude_patterns = [
    "_templates",
    "*/GALLERY_HEADER.rst",
    "_built/*/*.ipynb",
    "_built/*/*.py",
    "_built/*/*.json",
    "**/sg_execution_times.rst",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

html_theme = "pydata_sphinx_theme"
html_title = f"jules_ml {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}

# the anchors that GitHub gives to headings
myst_heading_anchors = 5
myst_enable_extensions = ["colon_fence", "deflist"]

numpydoc_show_class_members = False
autosummary_generate = True
autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_typehints = "none"
autodoc_member_order = "bysource"

sphinx_gallery_conf = {
    "examples_dirs": ["tutorials", "gallery"],
    "gallery_dirs": ["_built/tutorials", "_built/gallery"],
    "filename_pattern": r"/(tutorial|figure)_",
    "ignore_pattern": r"/_|conf\.py",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "show_memory": False,
    "image_scrapers": ("matplotlib",),
    "reset_modules": ("matplotlib",),
}

# links inside the site are checked by the build and by tests/docs/test_links.py
linkcheck_anchors = False
linkcheck_timeout = 20
# publishers answer programs with an error
linkcheck_ignore = [r"https://doi\.org/.*"]
