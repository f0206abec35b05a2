"""Symbol names of the procedures that the hooks wrap, which differ between compilers.

``fortran_bridge/hooks/jml_add_hooks.cmake`` has the same names.
"""

from __future__ import annotations

#: Modules and procedures of JULES that the hooks wrap.
WRAPPED = (
    ("microbe_mod", "microbe"),
    ("time_varying_input_mod", "update_model_variables"),
    ("write_dump_mod", "write_dump"),
    ("read_dump_mod", "read_dump"),
    ("jules_final_mod", "jules_final"),
)
#: Symbol names of module procedures, by compiler.
SYMBOL_NAMES = {"gfortran": "__{module}_MOD_{procedure}", "Intel Fortran": "{module}_mp_{procedure}_"}
