"""Inspection of files: what a file is, what it contains, what is suspicious in it, and a drafted section ``[data]``."""

from jules_ml.data.inspection.inspect import Inspection, file_text, inspect_files

__all__ = ["Inspection", "file_text", "inspect_files"]
