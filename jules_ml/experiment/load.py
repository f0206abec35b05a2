"""Reading and checking of an experiment file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from jules_ml.data.recognition import with_right_reader
from jules_ml.data.record_section import Record, record_of_table
from jules_ml.data.sensor_faults import without_faults
from jules_ml.errors import BadInput
from jules_ml.experiment.calibration import CalibrationSection
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.experiment.closed_loop import ClosedLoopSection
from jules_ml.experiment.component import ComponentSection
from jules_ml.experiment.ensemble import EnsembleSection
from jules_ml.experiment.grid import GridSection
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.jules import JulesSection
from jules_ml.experiment.messages import schema_error, syntax_error
from jules_ml.experiment.moisture import MoistureSection
from jules_ml.experiment.other_kinds import kind_section, validated_section
from jules_ml.experiment.physics import PhysicsSection
from jules_ml.experiment.place import PlaceSection, check_properties, merged_properties
from jules_ml.experiment.quality import QualitySection
from jules_ml.experiment.renamed import refuse_renamed_keys
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.experiment.sections import (
    CarbonSection,
    ForcingSection,
    ModulesSection,
    RunSection,
    SiteSection,
    SoilSection,
)
from jules_ml.experiment.surface import SurfaceSection
from jules_ml.support.section import Section

if TYPE_CHECKING:
    import xarray as xr

_Section = TypeVar("_Section", bound=Section)


class Experiment(Section):
    """An experiment: one schema for runs and for the training of modules.

    Sections that a command does not need may be left out; :meth:`required` raises an error where one is needed. :meth:`section_of`
    returns the section of a kind that another package registers.
    """

    site: SiteSection = Field(default=SiteSection(), description="name and position of the site")
    place: PlaceSection = Field(default=PlaceSection(), description="static properties of the site")
    data: Annotated[Record | None, BeforeValidator(record_of_table)] = Field(
        default=None, description="record, and how it is read"
    )
    quality: QualitySection = Field(
        default=QualitySection(), description="rules that drop the values of faulty sensors"
    )
    forcing: ForcingSection = Field(
        default=ForcingSection(), description="gap-filling and substitutions of the weather"
    )
    soil: SoilSection | None = Field(default=None, description="layers and properties of the soil")
    surface: SurfaceSection | None = Field(default=None, description="surface types")
    physics: PhysicsSection | None = Field(default=None, description="JULES's full land surface, by its switches")
    carbon: CarbonSection | None = Field(default=None, description="soil carbon and its respiration rate")
    modules: ModulesSection = Field(default=ModulesSection(), description="learned modules of a run")
    jules: JulesSection | None = Field(default=None, description="executable and run folder of JULES")
    run: RunSection | None = Field(default=None, description="model, period and output of a run")
    grid: GridSection | None = Field(default=None, description="grid of a run, and its driving data")
    ensemble: EnsembleSection | None = Field(default=None, description="ensemble of runs")
    closed_loop: ClosedLoopSection | None = Field(default=None, description="coupled simulation of carbon and soil")
    component: ComponentSection | None = Field(default=None, description="the column in a coupling framework")
    respiration: RespirationSettings | None = Field(default=None, description="training of respiration")
    moisture: MoistureSection | None = Field(default=None, description="training of soil moisture")
    carbon_module: CarbonSettings | None = Field(default=None, description="training of soil carbon")
    hydraulics: HydraulicSettings | None = Field(default=None, description="training of soil hydraulics")

    calibration: CalibrationSection | None = Field(default=None, description="calibration of parameters of the column")

    _file: Path = PrivateAttr(default=Path("experiment.toml"))
    _text: str = PrivateAttr(default="")
    _others: dict[str, Section] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _sections_of_other_kinds(
        cls, table: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Validate the sections of kinds that other packages register, by the schemas of those packages."""
        if not isinstance(table, dict):
            return handler(table)
        others = [name for name in table if name not in cls.model_fields and kind_section(name) is not None]
        experiment = handler({name: value for name, value in table.items() if name not in others})
        for name in others:
            experiment._others[name] = validated_section(name, table[name], info.context)
        return experiment

    @model_validator(mode="after")
    def _state_fits_layers(self) -> Self:
        if self.run is not None and self.soil is not None:
            n_layers = len(self.soil.dzsoil)
            for name, values in self.run.initial:
                if values is not None and len(values) not in (1, n_layers):
                    raise ValueError(
                        f"run.initial.{name} has {len(values)} values for {n_layers} layers: give one value, or one for each layer"
                    )
        return self

    @model_validator(mode="after")
    def _surface_of_physics(self) -> Self:
        problem = None if self.surface is None or self.physics is not None else self.surface.simple_problem()
        if problem is not None:
            raise ValueError(f"[surface] {problem}")
        varies = self.physics is not None and not self.physics.l_point_data
        if varies and self.grid is not None and "con_rain" in self.grid.drive.var:
            raise ValueError(
                "rain is large-scale where l_point_data is false in [physics], and grid.drive.var has con_rain: give precip or tot_rain"
            )
        return self

    @model_validator(mode="after")
    def _device_of_a_grid(self) -> Self:
        if self.grid is None and self.run is not None and self.run.device != "cpu":
            raise ValueError('run.device = "cuda" is for a run on a grid: remove it, or give [grid]')
        return self

    @model_validator(mode="after")
    def _soil_has_values(self) -> Self:
        of_file = self.grid is not None and self.grid.soil_props is not None
        if self.soil is not None and self.soil.properties is None and self.soil.texture is None and not of_file:
            raise ValueError("[soil] has no values: give either [soil.properties] or [soil.texture]")
        return self

    @model_validator(mode="after")
    def _no_hydraulics_module_in_closed_loop(self) -> Self:
        if self.modules.hydraulics is not None and self.closed_loop is not None:
            raise ValueError("[modules] hydraulics is not used in a closed loop: set hydraulics under [closed_loop]")
        return self

    @model_validator(mode="after")
    def _one_pool_where_carbon_is_not_stepped(self) -> Self:
        if self.carbon is None or self.carbon.four_pools is None:
            return self
        for name in ("closed_loop", "grid", "calibration"):
            if getattr(self, name) is not None:
                raise ValueError(f"[{name}] has one pool of soil carbon: remove [carbon.four_pools]")
        return self

    @model_validator(mode="after")
    def _switches_of_jules_in_its_namelists(self) -> Self:
        if self.run is None or self.run.model != "jules":
            return self
        if self.soil is not None and self.soil.topmodel is not None:
            raise ValueError("[soil.topmodel] is for the column: set l_top in the namelists of JULES")
        if self.carbon is not None and self.carbon.four_pools is not None:
            raise ValueError("[carbon.four_pools] is for the column: set soil_bgc_model in the namelists of JULES")
        return self

    def section_of(self, name: str) -> Section | None:
        """Return the section of a kind that another package registers; None if the file has none."""
        return self._others.get(name)

    @property
    def file(self) -> Path:
        """Path of the experiment file."""
        return self._file

    @property
    def text(self) -> str:
        """Text of the experiment file."""
        return self._text

    def required(self, section: _Section | None, name: str) -> _Section:
        """Return a section that the command needs.

        Raises
        ------
        BadInput
            If the file does not have it.
        """
        if section is None:
            raise BadInput(
                f"section [{name}] is missing",
                where=self.file,
                remedy=f"add [{name}]; docs/reference/experiment_file.md lists its keys",
            )
        return section

    def refuse_physics(self, use: str) -> None:
        """Refuse an experiment with ``[physics]`` for a use that has the simple surface alone.

        Parameters
        ----------
        use : str
            What the command does, as the subject of the message.

        Raises
        ------
        BadInput
            If the experiment has ``[physics]``.
        """
        if self.physics is not None:
            raise BadInput(
                f"{use} has the simple surface, and the experiment has [physics]",
                where=self.file,
                remedy="remove [physics] in a copy of the experiment",
            )

    def record(self) -> xr.Dataset:
        """Read the record as a site dataset, with the attributes of ``[site]`` and ``porosity`` of ``[place]``.

        Values of faulty sensors are dropped by the rules of ``[quality]``; :func:`~jules_ml.data.record.record_notes` counts them.

        Raises
        ------
        BadInput
            As the reader; or if there is no ``[data]``.
        """
        if self.data is None:
            raise BadInput(
                "section [data] is missing",
                where=self.file,
                remedy="add [data]; docs/reference/experiment_file.md lists its keys",
            )
        data = self.data.named(self.site.name)
        try:
            ds = data.read()
        except BadInput as error:
            of_other_reader = with_right_reader(error, data)
            if of_other_reader is None:
                raise
            raise of_other_reader from error
        attrs = self.site.model_dump(exclude_none=True)
        if "name" in attrs:
            attrs["site"] = attrs.pop("name")
        if self.place.porosity is not None:
            attrs["porosity"] = self.place.porosity
        return without_faults(ds.assign_attrs(attrs), self.quality.rules())

    def properties(self, record: xr.Dataset | None = None) -> dict[str, float]:
        """Return the static properties of the site, by the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`.

        Parameters
        ----------
        record : xarray.Dataset, optional
            Site dataset, for the elevation if ``[site]`` has none.

        Returns
        -------
        dict of str to float
            Properties of ``[place]``; otherwise texture, bulk density and organic carbon of the first layer of ``[soil.texture]``,
            cover of ``[surface]`` and elevation of ``[site]`` or the record; and the properties derived from them.

        Raises
        ------
        BadInput
            If ``[soil.texture]`` is outside the range of possible values.
        """
        derived: dict[str, float] = {}
        if self.soil is not None and self.soil.texture is not None:
            derived |= self.soil.texture.topsoil()
            check_properties(derived, where=f"{self.file}, soil.texture")
        if self.surface is not None:
            derived |= self.surface.cover()
        elevation = self.site.elevation
        if elevation is None and record is not None and "elevation" in record.attrs:
            elevation = float(record.attrs["elevation"])
        if elevation is not None:
            derived["elevation"] = elevation
        return merged_properties(self.place.values(), derived)


def load_experiment(path: str | Path) -> Experiment:
    """Read an experiment file.

    Parameters
    ----------
    path : str or Path
        TOML file. Relative paths in it are taken from its folder.

    Returns
    -------
    Experiment

    Raises
    ------
    BadInput
        If the file cannot be read, is not TOML, or has a key that is unknown, renamed, missing or wrong; the error names file, line, key
        and remedy.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput("there is no such file", where=path, remedy="give the path of an experiment file (TOML)")
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise BadInput("this is not a text file in UTF-8", where=path, remedy="save it as UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise syntax_error(error, path) from error
    refuse_renamed_keys(raw, text=text, path=path)
    try:
        experiment = Experiment.model_validate(raw, context={"folder": path.parent})
    except ValidationError as error:
        raise schema_error(error, schema=Experiment, raw=raw, text=text, path=path) from error
    experiment._file, experiment._text = path, text
    return experiment
