"""Surface types of the full land surface, from JULES's groups ``jules_pftparm``, ``jules_nvegparm`` and ``jules_surface_types``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.physics.surface_types import OtherTypes, PlantTypes, SurfaceTypes
from jules_ml.physics.switches import Switches
from jules_ml.support.namelist_text import NamelistSyntaxError, read_group, scan

#: Parameters of PFTs that JULES reads in ``jules_snow``, and its defaults; a number may be missing for all PFTs.
SNOW_PARAMETERS: Final = {"cansnowpft": 0.0, "unload_rate_cnst": 0.0, "unload_rate_u": 0.0, "lai_alb_lim_sn": 0.0}
#: Parameters that JULES needs with ``l_trait_phys`` alone.
_TRAITS: Final = ("lma", "nmass", "nr", "nsw", "vint", "vsl", "hw_sw")
#: Value that stands for a parameter that a configuration does not use; finite in every equation.
_UNUSED: Final = 1.0
#: Names of the roles of types in ``jules_surface_types`` that are no name of one type.
_NOT_NAMES: Final = ("npft", "nnvg", "ncpft")
#: Names that JULES allows for one type: the canyon stands for the urban type.
_ONE_TYPE: Final = {"urban", "urban_canyon"}
_ROLES: Final = ("soil", "lake", "ice", "urban")


def surface_types(
    types: Mapping[str, Any],
    plants: Mapping[str, Any],
    others: Mapping[str, Any],
    snow: Mapping[str, Any],
    *,
    switches: Switches,
    where: Mapping[str, str],
    dtype: torch.dtype = torch.float64,
) -> SurfaceTypes:
    """Make the surface types of a configuration.

    Parameters
    ----------
    types, plants, others, snow : mapping of str to value
        Entries of ``jules_surface_types``, ``jules_pftparm``, ``jules_nvegparm`` and ``jules_snow``, by name in lower case.
    switches : Switches
        Physics, which decides what parameters are needed.
    where : mapping of str to str
        Place of each group, for error messages.
    dtype : torch.dtype
        Of the parameters.

    Returns
    -------
    SurfaceTypes

    Raises
    ------
    BadInput
        If a number of types is missing, two names are of one type, or parameters are missing or no numbers, of which the message names all.
    """
    n_plants, n_others = (_count(types, name, where["jules_surface_types"]) for name in ("npft", "nnvg"))
    in_snow = {name: _of_snow(snow.get(name), default, n_plants) for name, default in SNOW_PARAMETERS.items()}
    return SurfaceTypes(
        plants=PlantTypes(
            **_parameters(
                PlantTypes._fields, {**plants, **in_snow}, n_plants, unused(switches), where["jules_pftparm"], dtype
            )
        ),
        others=OtherTypes(
            **_parameters(
                OtherTypes._fields, others, n_others, unused_of_others(switches), where["jules_nvegparm"], dtype
            ),
        ),
        names=_names(types, plants, n_plants + n_others, where),
        **{role: int(types[role]) - 1 if _is_type(types.get(role)) else -1 for role in _ROLES},
    )


def read_type_files(
    pft_params: Path, nveg_params: Path, *, switches: Switches, dtype: torch.dtype = torch.float64
) -> SurfaceTypes:
    """Make the surface types of two parameter files of JULES, whose numbers of types are those of their lists.

    The names of the types are those of a file ``jules_surface_types.nml`` in the same folder; without one they are ``pft_1``, ``nvg_1``
    and so on, and bare soil is the type whose snow-free albedo is that of the soil map.

    Parameters
    ----------
    pft_params, nveg_params : Path
        Files with ``&JULES_PFTPARM`` and ``&JULES_NVEGPARM``.
    switches : Switches
        Physics, which decides what parameters are needed.
    dtype : torch.dtype
        Of the parameters.

    Returns
    -------
    SurfaceTypes

    Raises
    ------
    BadInput
        If a file cannot be read, lacks its group, or lacks parameters.
    """
    plants, others = _group(pft_params, "jules_pftparm"), _group(nveg_params, "jules_nvegparm")
    beside = pft_params.with_name("jules_surface_types.nml")
    types = _group(beside, "jules_surface_types") if beside.is_file() else _unnamed(plants, others)
    snow_file = pft_params.with_name("jules_snow.nml")
    snow = _group(snow_file, "jules_snow") if snow_file.is_file() else {}
    where = {
        "jules_surface_types": str(beside),
        "jules_pftparm": str(pft_params),
        "jules_nvegparm": str(nveg_params),
        "jules_snow": str(snow_file),
    }
    return surface_types(types, plants, others, snow, switches=switches, where=where, dtype=dtype)


def _group(file: Path, name: str) -> dict[str, Any]:
    """Entries of the first group of a name in a file."""
    try:
        text = file.read_bytes().decode("utf-8", errors="surrogateescape")
        for group in scan(text):
            if group.name == name:
                return read_group(text, group)
    except OSError as error:
        raise BadInput(f"the file cannot be read ({error.strerror})", where=file, remedy="correct the path") from error
    except NamelistSyntaxError as error:
        raise BadInput(
            str(error), where=f"{file}, line {error.line}", remedy="write each group as &NAME, entries, and a slash"
        ) from error
    raise BadInput(f"the group &{name.upper()} is missing", where=file, remedy="give the file of JULES that has it")


def _unnamed(plants: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, int]:
    """Entries of ``jules_surface_types`` for parameters without one."""
    n_plants, n_others = len(_listed(plants.get("lai_io"))), len(_listed(others.get("albsnf_nvg_io")))
    types = {"npft": n_plants, "nnvg": n_others}
    for index, albedo in enumerate(_listed(others.get("albsnf_nvg_io"))):
        if isinstance(albedo, int | float) and albedo < 0.0:
            types["soil"] = n_plants + index + 1
    return types


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _count(types: Mapping[str, Any], name: str, where: str) -> int:
    number = types.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise BadInput(f"{name} is {number!r}", where=where, remedy=f"give {name}, the number of types, 1 or more")
    return number


def _is_type(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _of_snow(value: Any, default: float, count: int) -> list[Any]:
    """Values of ``jules_snow`` for all PFTs, with the default where one is missing."""
    given = _listed(value)
    return [given[k] if k < len(given) and given[k] is not None else default for k in range(count)]


def unused(switches: Switches) -> frozenset[str]:
    """Parameters of PFTs that a configuration does not use and JULES does not ask for.

    Parameters
    ----------
    switches : Switches

    Returns
    -------
    frozenset of str
    """
    names: set[str] = set()
    for is_unused, parameters in (
        (not switches.l_trait_phys, _TRAITS),
        (switches.l_spec_albedo, ("albsnf_max",)),
        (switches.l_snow_albedo, ("albsnc_max", "albsnc_min")),
        (switches.can_rad_mod == 1 and not switches.l_spec_albedo, ("alnir", "alpar", "omega", "omnir")),
        (switches.can_rad_mod != 6, ("knl",)),
        (switches.l_spec_veg_z0, ("dz0v_dh",)),
        (not switches.l_spec_veg_z0, ("z0v",)),
        (not switches.l_use_pft_psi and switches.fsmc_shape == 0, ("psi_close", "psi_open")),
    ):
        names |= set(parameters) if is_unused else set()
    return frozenset(names)


def unused_of_others(switches: Switches) -> frozenset[str]:
    """Parameters of the types without vegetation that a configuration does not use and JULES does not ask for.

    Parameters
    ----------
    switches : Switches

    Returns
    -------
    frozenset of str
    """
    return frozenset({"albsnc_nvg"} if switches.l_snow_albedo else ())


def _parameters(
    names: Sequence[str],
    group: Mapping[str, Any],
    count: int,
    optional: frozenset[str],
    where: str,
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Tensors of shape (type, 1) by name; the lists of JULES may be longer than the number of types."""
    values: dict[str, list[float]] = {}
    problems = []
    for name in names:
        entry = name if name in SNOW_PARAMETERS else f"{name}_io"
        given = _listed(group.get(entry))[:count]
        if not given and name in optional:
            given = [_UNUSED] * count
        if len(given) < count or None in given:
            problems.append(f"{entry} has {sum(v is not None for v in given)} values")
        elif not all(isinstance(value, int | float) for value in given):
            problems.append(f"{entry} is not a list of numbers")
        else:
            values[name] = [float(value) for value in given]
    if problems:
        raise BadInput(
            f"{'; '.join(problems)}, and there are {count} types",
            where=where,
            remedy="give each of these entries a number for each type, in the order of the types",
        )
    return {name: torch.tensor(numbers, dtype=dtype).unsqueeze(-1) for name, numbers in values.items()}


def _names(
    types: Mapping[str, Any], plants: Mapping[str, Any], count: int, where: Mapping[str, str]
) -> tuple[str, ...]:
    """Names of the types: those of ``jules_surface_types``, or of ``pft_name_io`` (JULES 8.2), or ``pft_1``, ``nvg_1``."""
    n_plants = int(types["npft"])
    names = [f"pft_{k + 1}" if k < n_plants else f"nvg_{k + 1 - n_plants}" for k in range(count)]
    for k, label in enumerate(_listed(plants.get("pft_name_io"))[:n_plants]):
        name = str(label).strip()
        number = types.get(name.lower())
        if name.lower() not in _NOT_NAMES and _is_type(number) and number != k + 1:
            raise BadInput(
                f"pft_name_io({k + 1}) is {name}, which is type {number} in &JULES_SURFACE_TYPES",
                where=where["jules_pftparm"],
                remedy="give the names of pft_name_io in the order of the types",
            )
        names[k] = name or names[k]
    of_number: dict[int, str] = {}
    for name, number in types.items():
        if name in _NOT_NAMES or not _is_type(number) or number > count:
            continue
        other = of_number.get(number, name)
        if other != name and {other, name} != _ONE_TYPE:
            raise BadInput(
                f"{other} and {name} are both type {number}",
                where=where["jules_surface_types"],
                remedy="give each type a number of its own, or leave one of the names out",
            )
        of_number[number] = "urban" if other != name else name
    return tuple(of_number.get(k + 1, name) for k, name in enumerate(names))
