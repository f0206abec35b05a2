"""Random Rose applications: optional configurations, states, environment variables, and files of several sources."""

from __future__ import annotations

import random
from collections.abc import Sequence

from _rose_apps import SmallApp

_GROUPS = ("a", "b", "c", "jules_soil")
_INDICES = ("", "", "", "(1)", "(2)", "(3)", "(10)", "(x2)", "(x10)", "(B)")
_CATEGORIES = ("", "", "", "{daily}", "{x y}")
_KEYS = ("x", "y", "z", "X", "var(2)", "var(10)", "f%g", "l_top")
_VARIABLES = ("OUTER", "BOTH", "INNER", "EMPTY", "TILDE")
_SCALARS = (
    "1",
    "2.5e-3",
    ".true.",
    "'text'",
    "'it''s'",
    '"d"',
    "3*0.5",
    "2*",
    "",
    "'a=b'",
    "[1]",
    "#1",
    "! no comment",
)
_TARGETS = ("a.nml", "b.nml", "c.nml", "d.nml", "e.dat", "sub/f.nml", "sub/g", "h.nml", "$OUTER.nml", r"\$OUTER.nml")
_OPTIONS = ("one", "two", "three", "absent")
#: Fraction of values, sources and options that are wrong on purpose.
_WRONG = 0.01


class RandomApps:
    """Random applications, the same for the same seed.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._sections: list[str] = []

    def next(self) -> SmallApp:
        """Return another application."""
        choose = self._random
        self._sections = [
            f"namelist:{group}{category}{index}"
            for group in _GROUPS
            for category, index in {self._one_of(_CATEGORIES, _INDICES) for _ in range(choose.randrange(1, 5))}
        ]
        options = [self._option() for _ in range(choose.randrange(4))]
        root = [f"opts={choose.choice((' ', '  ', chr(10) + '    ')).join(options)}"] if options else []
        main = "\n".join([*root, *self._root_entries(0.1), *self._namelists(1.0), *self._env(), *self._files(6)]) + "\n"
        if choose.random() < 0.05:
            main = main.replace("\n", "\r\n")
        files = {f"app/opt/rose-app-{key}.conf": self._optional() for key in ("one", "two", "three")}
        files |= {
            f"app/file/{name}": f"&{name[0]} x='$OUTER' /" for name in ("a.nml", "h.nml", "data") if self._rare(0.3)
        }
        files |= {"in/one.nml": "&one\nx='$OUTER'\n/\n", "in/two.nml": "&two /", "in/with blank.nml": "&blank /\n"}
        environment = {
            "OUTER": "outer",
            "BOTH": "both outside",
            "EMPTY": "",
            "HOME": "@SMALL_APP@/in",
            "ROSE_APP_OPT_CONF_KEYS": " ".join(self._option() for _ in range(choose.randrange(3))),
        }
        return SmallApp(main, files, environment)

    def _rare(self, fraction: float) -> bool:
        return self._random.random() < fraction

    def _one_of(self, *choices: Sequence[str]) -> tuple[str, ...]:
        return tuple(self._random.choice(each) for each in choices)

    def _option(self) -> str:
        key = self._random.choice(_OPTIONS)
        bracketed = key == "absent" and not self._rare(_WRONG)
        return f"({key})" if bracketed or self._rare(0.2) else key

    def _state(self) -> str:
        return self._random.choices(("", "!", "!!"), (8, 1, 1))[0]

    def _root_entries(self, fraction: float) -> list[str]:
        roots = ("file-install-root=run", "file-install-root=$OUTER/x", "!file-install-root=no", "file-install-root=")
        entries = [self._random.choice(roots)] if self._rare(fraction) else []
        return [*entries, "meta=jules-standalone/vn8.2"]

    def _namelists(self, fraction: float) -> list[str]:
        lines = []
        for section in self._sections:
            if not self._rare(fraction):
                continue
            lines.append(f"[{self._state()}{section}]")
            lines += [f"{self._state()}{key}{self._blank()}={self._value()}" for key in self._keys()]
        return lines

    def _keys(self) -> list[str]:
        return [self._random.choice(_KEYS) for _ in range(self._random.randrange(6))]

    def _blank(self) -> str:
        return self._random.choice(("", "", "", " ", "\t "))

    def _value(self) -> str:
        items = [self._item() for _ in range(self._random.choice((1, 1, 1, 2, 4)))]
        separators = (",", ", ", ",\n  ", ",\n =", "\n  = ", ",\n\n# a comment\n\t=", ",\n   # a comment\n =")
        text = items[0]
        for item in items[1:]:
            text += self._random.choice(separators) + item
        return text + ("," if self._rare(0.1) else "")

    def _item(self) -> str:
        if self._rare(0.5):
            return self._random.choice(_SCALARS)
        name = "NOT_SET" if self._rare(_WRONG) else self._random.choice(_VARIABLES)
        reference = self._random.choice((f"${name}", f"${{{name}}}"))
        escapes = "\\" * self._random.choice((0, 0, 0, 1, 2, 3))
        literal = self._random.choice(("$1", "$", "${", "$(OUTER)", "~/x", "\\n", "$$", ""))
        return f"'{escapes}{reference}{self._random.choice(('', '/x', '.nc', literal))}'"

    def _env(self) -> list[str]:
        values = ("new", "$OUTER/x", r"\$OUTER", "~/x", "${EMPTY}", "a\n  b", r"\\${OUTER}")
        known = ["[env]", f"INNER={self._random.choice(values)}", f"TILDE={self._random.choice(values)}"]
        both = [f"{self._state()}BOTH={self._random.choice(values)}"] if self._rare(0.5) else []
        return [*known, *both]

    def _files(self, number: int) -> list[str]:
        lines = []
        for target in self._random.sample(_TARGETS, self._random.randrange(1, number)):
            lines.append(f"[{self._state()}file:{target}]")
            kind = self._random.choices(("source", "link", "folder", "nothing"), (16, 1, 1, 1))[0]
            if kind == "source":
                lines.append(f"{self._state()}source={self._sources()}")
                lines += [f"content={self._sources()}"] if self._rare(0.1) else []
            elif kind == "link":
                lines += [f"mode={self._random.choice(('symlink', 'symlink+'))}", "source=$SMALL_APP/in/one.nml"]
            elif kind == "folder":
                lines.append("mode=mkdir")
        return lines

    def _sources(self) -> str:
        sources = [self._source() for _ in range(self._random.choice((1, 1, 2, 3)))]
        return self._random.choice((" ", "  ", "\n =", "\n    ")).join(sources)

    def _source(self) -> str:
        if self._rare(0.3):
            paths = ("one.nml", "*.nml", "[ot]*.nml", "with\\ blank.nml", "two.nml")
            path = f"$SMALL_APP/in/{self._random.choice(paths)}"
            others = ("~/one.nml", "($SMALL_APP/in/none)", "'$SMALL_APP/in/with blank.nml'", f"({path})")
            return self._random.choice((path, self._random.choice(others)))
        section = self._random.choice(self._sections)
        if self._rare(0.3):
            section = section.partition("(")[0] + "(:)"
        # a section that is ignored or missing is allowed in brackets alone
        section = section if self._rare(0.4) else f"({section})"
        return f"'{section}'" if " " in section else section

    def _optional(self) -> str:
        lines = [*self._root_entries(0.03), *self._namelists(0.4)]
        lines += self._env() if self._rare(0.2) else []
        lines += self._files(3) if self._rare(0.2) else []
        return "\n".join([*lines, "broken" if self._rare(_WRONG) else ""]) + "\n"
