"""Forms of assignments in a namelist group &G that Fortran reads, and forms that it refuses.

The group has ``real x(8), m(3,4), y``, ``integer n(8), k``, ``logical l(8), on``, ``character s(8), f``, and ``a`` and ``b(3)`` of a
derived type with ``real r, v(4)``.
"""

from __future__ import annotations

from helpers.fortran_reader import DeclaredGroup, Item

GROUP = DeclaredGroup(
    [
        "type t\n      real(r) :: r\n      real(r) :: v(4)\n    end type",
        "real(r) :: x(8), m(3,4), y",
        "integer :: n(8), k",
        "logical :: l(8), on",
        "character(len=40) :: s(8), f",
        "type(t) :: a, b(3)",
    ],
    ["x", "m", "y", "n", "k", "l", "on", "s", "f", "a", "b"],
    [
        *(Item(name, "real", is_array=True) for name in ("x", "m", "a%v", "b(1)%v", "b(2)%v", "b(3)%v")),
        *(Item(name, "real", is_array=False) for name in ("y", "a%r", "b(1)%r", "b(2)%r", "b(3)%r")),
        *(Item(name, kind, is_array=True) for name, kind in (("n", "integer"), ("l", "logical"), ("s", "character"))),
        *(Item(name, kind, is_array=False) for name, kind in (("k", "integer"), ("on", "logical"), ("f", "character"))),
    ],
)

#: Text of the group between its name and its end.
FORMS = (
    # one value, arrays, separators
    "y = 1.5",
    "x = 1, 2, 3",
    "x = 1 2 3",
    "x=1 2,3 , 4",
    "x\t=\t1,\t2\t3",
    "k=3 n=1,2",
    "x = 1,\n 2,\n\n 3\n",
    "x =\n 1, 2",
    # elements whose values go on
    "x(1) = 1, 2, 3",
    "x(2)=1,2,3",
    "n(3) = 3*4, 5",
    "l(2)=T,F,T",
    "s(2) = 'b', 'c'",
    "s(1) = 'a', s(2) = 'b', 'c'",
    "x(+2)=3",
    "x(1)=1 x(2)=2 x(3)=3",
    "x(8)=8",
    # sections
    "x(1:3) = 1,2,3",
    "x(3:)=1,2",
    "x(:3)=1,2,3",
    "x(:)=1,2,3",
    "x(1:7:2)=1,2,3",
    "x(3:1:-1)=1,2,3",
    "x(8:2:-3)=1,2,3",
    "x(5:)=5 x(1:4)=1,2,3,4",
    "s(1:3)='a',,'c'",
    "x(2:6)=1,2",
    # repeats and missing values
    "x = 3*0.5, 2",
    "n = 2*-3",
    "l = 2*T,,F",
    "s = 2*'ab', 1*'c'",
    "x = 1,,3",
    "x = 1 , , 3",
    "x = , 2",
    "x = 2*, 5",
    "x = 1, 2*, 5 6",
    "y = , k = 3",
    "y = k = 3",
    "y = 1,, k = 3",
    "x = 1,2,, n = 4",
    "x(2) = ,9",
    # later assignments
    "x=1,2,3 x=5",
    "x(2)=7 x=1,,3 x(3)=9",
    "x=1,2,3 x(2)=,9",
    "y=1 y=2",
    "f='a' F='b'",
    # several dimensions
    "m(:,2) = 1,2,3",
    "m(2,:) = 1,2,3",
    "m(1:3,1:2) = 1,2,3,4,5,6",
    "m(1:2,3) = 1,2",
    "m(1, 2 )=4 m(2,2)=5",
    "m(2:3,2:) = 1,2,3,4",
    "m(1:3:2,1:4:3) = 1,2,3,4",
    "m = 1,2,3,4,5",
    # strings
    "f = ''",
    "f = 'a,b / c = d & e'",
    "f = 'it''s'",
    'f = "it\'s"',
    'f = "say ""no"""',
    "s = 'a''','''b','''','a''''b'",
    "s = 'a','b',,'d'",
    "s='a''b' 'c'",
    "f = 'a!b' ! c",
    "f = 'ab\n cd'",
    "f = '&end'",
    "f = 'x(1) = 2'",
    "f = '  indented'",
    "f = 'ma\u00df'",
    # numbers
    "x = 1d2, 1.5D+1, 1.5+2, 1e1, .5, 5., +3, -4",
    "x = 1.0e-3, 2.E+02, 1q2, -0.0, 1.5-1",
    "y = 3",
    "y = 007",
    "x = nan, inf, -infinity, +Inf",
    "n = +3, -4, 007",
    # logicals
    "l = .T., T, .true., t, TRUE, .tr, true., .t",
    "l = .F., F, .false., f, FALSE, .fa, false., .f",
    "on = .TRUE.",
    # case, comments, layout
    "X(2)=1 N=3",
    "x = 1, 2 ! no, 3\n ! hmm / &end\n n = 4, ! c\n",
    "x = 1 ! c\n 2",
    "x = 1 ! c\n , 2",
    "! only = 1\n y = 2 ! 'not closed\n",
    "y = 2!c\n",
    # derived types
    "a%r = 1 a%v = 1,2,3,4",
    "A%V(2) = 5,6",
    "b(2)%r = 4 b(2)%v(2) = 5,6",
    "b(1)%v(1:4:3) = 5,6 b(3)%r = 1",
    "",
)

#: Forms that gfortran 11 and 12 read otherwise than the standard says: a comment or a line end next to a comma makes a missing value, and
#: without a line end after its last group a file ends too early. LLVM Flang reads them by the standard.
READ_OTHERWISE = (
    "x = 1, ! c\n 2",
    "x = 1,! c\n 2, ! d\n 3",
    "x = ! c\n 5",
    "x = 1\n , 2",
    "x = 1 2 \n\n\t, 3",
    "s = 'a', ! c\n 'b'",
    "l = T, ! c\n F",
)

#: Forms that Fortran reads and whose elements depend on the declared shape, and forms that it refuses; with a word of the message.
REFUSED = (
    ("m(1,2) = 1,2,3", "section"),
    ("m(:,1:2) = 1,2,3,4", "no end"),
    ("x(1:2) = 1,2,3", "more than"),
    ("x(2:2) = 1,2", "more than"),
    ("x(0) = 1", "outside"),
    ("x(n) = 1", "subscript"),
    ("x(:-1:-1) = 1", "outside"),
    ("x(::-1) = 1", "length is unknown"),
    ("x() = 1", "subscript"),
    ("x(1:2:0) = 1", "subscript"),
    ("x = 0*5, 3", "repeat count"),
    ("x = 999999*5", "repeat count"),
    ("x(99999999) = 5", "outside"),
    ("x = 1 # 2", "#"),
    ("x = 1;2", "1;2"),
    ("k = 1_4", "1_4"),
    ("n = z'1F'", "z"),
    ("b(1:2)%r = 1, 2", "derived type"),
    ("x(1) = 1 x(1,2) = 3", "subscripts"),
    ("m(1,1) = 3 m(9,9) = 3 m(99999,3) = 1", "larger"),
    ("x = 1\n&h y = 2", "not closed"),
    ("x = 1\n$h y = 2", "not closed"),
)
