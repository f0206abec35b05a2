"""``jules-ml fit``: a subcommand a module."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, escaped, out_console, say_folder, say_moisture_scores, share
from jules_ml.errors import BadInput
from jules_ml.support.files import ready_folder

fit = typer.Typer(no_args_is_help=True, help="Learn a module from records.", rich_markup_mode="rich")
app.add_typer(fit, name="fit")


@fit.command("respiration", epilog="Example:  jules-ml fit respiration tower.toml --out modules/tower")
def fit_respiration(
    experiments: Annotated[
        list[Path],
        typer.Argument(
            help="Experiment files (TOML), one a site; the first one's \\[respiration] holds for all.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Module folder to write.", show_default=False)],
    quiet: Quiet = False,
) -> None:
    """Learn how respiration depends on soil moisture and temperature, score it on what was held out, and draw both curves."""
    from jules_ml.experiment import load_experiment
    from jules_ml.experiment.respiration import RespirationSettings
    from jules_ml.learned.respiration.fit import fit_respiration

    loaded = [load_experiment(path) for path in experiments]
    settings = loaded[0].respiration or RespirationSettings()
    ready_folder(out)
    with share(quiet, "fit") as report:
        done = fit_respiration([each.record() for each in loaded], settings, out, progress=report)
    if not quiet:
        _say_notes(done.warnings)
        say_folder(out)


@fit.command("hydraulics", epilog="Example:  jules-ml fit hydraulics tower.toml meadow.toml --out modules/soils")
def fit_hydraulics(
    experiments: Annotated[
        list[Path],
        typer.Argument(
            help="Experiment files (TOML), one a site; the first one's \\[hydraulics] holds for all. One alone is calibrated.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Module folder to write.", show_default=False)],
    quiet: Quiet = False,
) -> None:
    """Learn JULES's soil properties from soil moisture, through the soil column, and score them on what was held out."""
    from jules_ml.experiment import load_experiment
    from jules_ml.learned.hydraulics.fit import fit_hydraulics

    loaded = [load_experiment(path) for path in experiments]
    ready_folder(out)
    with share(quiet, "fit") as report:
        done = fit_hydraulics(loaded, out, progress=report)
    if not quiet:
        _say_notes(done.warnings)
        say_folder(out)


@fit.command(
    "moisture",
    epilog="Examples:  jules-ml fit moisture tower.toml meadow.toml --out modules/theta   and, to take a new sensor in,   "
    "jules-ml fit moisture new.toml --adapt modules/theta --days 30 --out modules/new",
)
def fit_moisture(
    experiments: Annotated[
        list[Path],
        typer.Argument(
            help="Experiment files (TOML), one a site; the first one's \\[moisture] holds for all.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Module folder to write.", show_default=False)],
    adapt: Annotated[
        Path | None,
        typer.Option(help="Module folder to adapt to these sites, instead of learning anew.", show_default=False),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            min=1, help="With --adapt: days of observations to adapt by; all unless given.", show_default=False
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Learn soil moisture from weather, JULES and satellites, score it on what was held out, and draw it through time."""
    from jules_ml.experiment import load_experiment
    from jules_ml.experiment.moisture import MoistureSection
    from jules_ml.learned.moisture.adapt import adapt_moisture
    from jules_ml.learned.moisture.fit import fit_moisture
    from jules_ml.learned.moisture.site import moisture_site

    if days is not None and adapt is None:
        raise BadInput("--days is for --adapt", remedy="give --adapt DIR too, or leave --days out")
    loaded = [load_experiment(path) for path in experiments]
    sites = [moisture_site(each, to_learn=adapt is None) for each in loaded]
    ready_folder(out)
    if adapt is None:
        with share(quiet, "fit") as report:
            done = fit_moisture(sites, loaded[0].moisture or MoistureSection(), out, progress=report)
    else:
        done = adapt_moisture(adapt, sites, out, days=days)
    if not quiet:
        _say_notes(done.warnings)
        say_moisture_scores(done.scores)
        say_folder(out)


@fit.command("carbon", epilog="Example:  jules-ml fit carbon sites/*.toml --out modules/carbon")
def fit_carbon(
    experiments: Annotated[
        list[Path],
        typer.Argument(
            help="Experiment files (TOML), one a site, eight or more with soc; the first one's \\[carbon_module] holds for all.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Module folder to write.", show_default=False)],
    quiet: Quiet = False,
) -> None:
    """Learn soil carbon from how soil moisture behaves, say whether it adds skill, and predict it with intervals."""
    from jules_ml.experiment import load_experiment
    from jules_ml.learned.carbon.fit import fit_carbon

    loaded = [load_experiment(path) for path in experiments]
    ready_folder(out)
    with share(quiet, "fit") as report:
        done = fit_carbon(loaded, out, progress=report)
    if not quiet:
        _say_notes(done.warnings)
        say_folder(out)


def _say_notes(notes: Iterable[str]) -> None:
    for note in notes:
        out_console.print(f"[yellow]note[/] {escaped(note)}", soft_wrap=True)
