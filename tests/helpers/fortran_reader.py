"""Values of namelists as compiled Fortran reads them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.builds import DEFAULT_COMPILER

#: Values by occurrence of a group, designator, and index in memory order from 1.
Read = dict[tuple[str, int, str, int], bool | int | float | str]

_DECLARED = {"real": "real(r)", "integer": "integer", "logical": "logical", "character": "character(len=400)"}
_SENTINELS = {"real": "-7.25e77_r", "integer": "-2007000001", "logical": "start", "character": "achar(1)"}
_SHOW = """
  subroutine show_{0}(name, values)
    character(len=*), intent(in) :: name
    {1}, intent(in) :: values(:)
    integer :: k
    do k = 1, size(values)
      if (values(k) {2}) write(*, '(a, i0, a, a, a, i0, a, {3})') group, occurrence, '|', name, '|', k, '|', {4}
    end do
  end subroutine"""


@dataclass(frozen=True)
class Item:
    """Variable of a namelist, or component of one: its designator, kind, and whether it is an array."""

    designator: str
    kind: str
    is_array: bool

    @property
    def shown(self) -> str:
        values = f"pack({self.designator}, .true.)" if self.is_array else f"[{self.designator}]"
        return f"      call show_{self.kind}('{self.designator}', {values})"


@dataclass(frozen=True)
class DeclaredGroup:
    """Namelist group: declarations in Fortran, names in the NAMELIST statement, and what is printed."""

    declarations: Sequence[str]
    names: Sequence[str]
    items: Sequence[Item]

    @classmethod
    def of(cls, variables: Mapping[str, tuple[str, int]]) -> DeclaredGroup:
        """Declare a group by kind and length of each variable; length 0 is a scalar."""
        declarations = [
            f"{_DECLARED[kind]} :: {name}{f'({length})' if length else ''}"
            for name, (kind, length) in variables.items()
        ]
        items = [Item(name, kind, length > 0) for name, (kind, length) in variables.items()]
        return cls(declarations, list(variables), items)


def compile_reader(folder: Path, groups: Mapping[str, DeclaredGroup]) -> Path:
    """Compile a program that reads groups from files and prints what it read."""
    if shutil.which(DEFAULT_COMPILER) is None:
        pytest.skip("there is no Fortran compiler")
    shows = [
        _SHOW.format(kind, declared, *how)
        for kind, declared, how in (
            ("real", "real(r)", ("/= -7.25e77_r", "es25.16e4", "values(k)")),
            ("integer", "integer", ("/= -2007000001", "i0", "values(k)")),
            ("logical", "logical", (".or. .true.", "l1", "values(k)")),
            ("character", "character(len=*)", ("/= achar(1)", "a", "'<' // trim(values(k)) // '>'")),
        )
    ]
    readers = []
    for k, (name, group) in enumerate(groups.items()):
        lines = [f"  subroutine read_{k}()", *(f"    {line}" for line in group.declarations), "    integer :: io"]
        lines += [f"    namelist /{name}/ {each}" for each in group.names]
        lines += [
            f"    group = '{name}|'",
            "    occurrence = 0",
            "    open(10, file=trim(path), status='old')",
            "    do",
        ]
        lines += [f"      {item.designator} = {_SENTINELS[item.kind]}" for item in group.items]
        lines += [
            f"      message = ''\n      read(10, nml={name}, iostat=io, iomsg=message)",
            "      if (io == -1) exit",
        ]
        lines += ["      occurrence = occurrence + 1"]
        lines += [
            "      if (io /= 0) then\n        write(*, '(a, i0, a)') group, occurrence, '|ERROR|0|' // trim(message)"
        ]
        lines += ["        exit\n      end if", *(item.shown for item in group.items), "    end do", "    close(10)"]
        readers += [*lines, "  end subroutine"]
    main = """program main
  use, intrinsic :: iso_fortran_env, only: r => real64
  implicit none
  character(len=400) :: path, first, number, message
  character(len=:), allocatable :: group
  integer :: occurrence, at
  logical :: start
  call get_command_argument(1, first)
  start = first == 'T'
  do at = 2, command_argument_count(), 2
    call get_command_argument(at, number)
    call get_command_argument(at + 1, path)
    select case (trim(number))
"""
    main += "".join(f"    case ('{name}')\n      call read_{k}()\n" for k, name in enumerate(groups))
    source = folder / "reader.f90"
    main += "    end select\n  end do\ncontains" + "\n".join([*shows, *readers]) + "\nend program\n"
    source.write_text(main, encoding="ascii")
    options = ["-ffree-line-length-none"] if "gfortran" in DEFAULT_COMPILER else []
    subprocess.run([DEFAULT_COMPILER, *options, "-o", "reader", "reader.f90"], cwd=folder, check=True)
    return folder / "reader"


def read_by_fortran(reader: Path, kinds: Mapping[str, DeclaredGroup], group: str, file: Path) -> Read | str:
    """Read all occurrences of a group of a file; the message of Fortran if it stops.

    A logical has no value that stands for none: it counts as read if two different first values end as the same.
    """
    both: list[Read] = []
    of_kind = {item.designator: item.kind for item in kinds[group].items}
    for first in ("T", "F"):
        command = [str(reader), first, group, str(file)]
        done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8", errors="replace")
        read: Read = {}
        for line in done.stdout.splitlines():
            name, occurrence, designator, index, value = line.split("|", 4)
            if designator == "ERROR":
                return value
            read[name, int(occurrence), designator, int(index)] = _converted(value, of_kind[designator])
        both.append(read)
    return {key: value for key, value in both[0].items() if both[1].get(key) == value or str(value) == "nan"}


def _converted(text: str, kind: str) -> bool | int | float | str:
    if kind == "real":
        return float(text)
    if kind == "integer":
        return int(text)
    return text == "T" if kind == "logical" else text[1:-1]
