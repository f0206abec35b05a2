"""Folders of earlier versions have no checksums: they are used, with a note."""

from __future__ import annotations

from pathlib import Path

from helpers.module_folders import edit_card, without_checksums
from helpers.respiration_folder import write_module
from typer.testing import CliRunner

from jules_ml.cli import app


def test_a_folder_without_checksums_is_exported_with_a_note(tmp_path: Path) -> None:
    module = write_module(tmp_path / "module")
    texts = []
    for name in ("new", "early"):
        done = CliRunner().invoke(app, ["export", str(module), "--to", "curves", "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        texts.append(" ".join(done.output.split()))
        edit_card(module, lambda card: without_checksums(card | {"card_version": 3}), sealed=False)
    assert "without checksums" not in texts[0]
    assert "module was written by an earlier version without checksums" in texts[1]
    for file in ("fsth.nml", "ftemp.nml"):
        assert (tmp_path / "new" / file).read_bytes() == (tmp_path / "early" / file).read_bytes()


def test_a_damaged_folder_is_bad_input(tmp_path: Path) -> None:
    module = write_module(tmp_path / "module")
    weights = module / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8] + b"damaged!")
    done = CliRunner().invoke(app, ["export", str(module), "--to", "curves", "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    text = " ".join(done.output.split())
    assert "model.safetensors: the file is damaged, or belongs to another module" in text
    assert "Remedy: copy the folder again" in text
