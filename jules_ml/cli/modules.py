"""``jules-ml modules``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from jules_ml.cli.application import app
from jules_ml.cli.printing import Json, escaped, out_console, print_json

if TYPE_CHECKING:
    from jules_ml.learned.ready import ReadyModule


@app.command(epilog="Examples:  jules-ml modules   |   jules-ml modules respiration-all")
def modules(
    name: Annotated[str | None, typer.Argument(help="Name of a module, for all details.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """List the ready-made modules, or describe one; an experiment uses it as ready:NAME."""
    from jules_ml.learned.ready import ready_module, ready_modules

    if name is not None:
        module = ready_module(name)
        if json:
            print_json(module.to_json())
        else:
            _print_details(module)
        return
    found = ready_modules()
    if json:
        print_json([module.to_json() for module in found])
    else:
        _print_list(found)


def _print_list(found: tuple[ReadyModule, ...]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("name", "trained on", "score at held-out sites", "licence"):
        table.add_column(header, overflow="fold")
    for module in found:
        texts = (module.name, module.entry["trained_on"]["data"], module.score, module.entry["licence"])
        table.add_row(*map(escaped, texts))
    out_console.print(table)
    out_console.print(
        "Use one as [bold]ready:NAME[/] in \\[modules] of an experiment, or in place of a module folder. "
        "'jules-ml modules NAME' prints all details.",
        soft_wrap=True,
    )


def _print_details(module: ReadyModule) -> None:
    entry = module.entry
    held_out = entry["held_out"]
    lines = {
        "kind": module.kind,
        "use": f'{module.kind} = "ready:{module.name}" in [modules]'
        if module.kind != "moisture"
        else f'moisture = "ready:{module.name}" in [closed_loop], or jules-ml export ready:{module.name}',
        "trained on": entry["trained_on"]["data"],
        "sites": ", ".join(entry["trained_on"]["sites"]),
        "held-out sites": f"{held_out['sites']}; {module.score}",
        **{f"  {name}": text for name, text in held_out["also"].items()},
        **{
            f"training range, {name}": f"{span['min']:.4g} to {span['max']:.4g} {span['units']}".removesuffix(" 1")
            for name, span in entry["training_range"].items()
        },
        "licence": entry["licence"],
        "script": entry["script"],
        "folder": str(module.folder),
    }
    out_console.print(f"[bold]{escaped(module.name)}[/]: {escaped(entry['title'])}", soft_wrap=True)
    for label, text in lines.items():
        out_console.print(f"[bold]{escaped(label)}[/] {escaped(text)}", soft_wrap=True)
    for limit in entry["limits"]:
        out_console.print(f"[yellow]limit[/] {escaped(limit)}", soft_wrap=True)
    for source in entry["attribution"]:
        out_console.print(f"[bold]cite[/] {escaped(source)}", soft_wrap=True)
