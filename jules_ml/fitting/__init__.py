"""From records to a module folder, one file a module: learn, score what was held out, report."""
