# JML_WRAPPED: the procedures that the hooks wrap, as <module of the land model>/<procedure>/<module of the hook>
#
# jml_symbol(<variable> <module> <procedure>): the symbol that the Fortran compiler gives to a procedure of a module
#
# Both are from symbol_names.json, which jules_ml/jules/hooks/symbols.py reads too.

set(JML_SYMBOL_NAMES ${CMAKE_CURRENT_LIST_DIR}/symbol_names.json)

# jml_read_symbol_names(): sets JML_WRAPPED and JML_SYMBOL_PATTERN in the caller
function(jml_read_symbol_names)
  file(READ ${JML_SYMBOL_NAMES} table)

  set(wrapped)
  string(JSON count LENGTH ${table} procedures)
  math(EXPR last "${count} - 1")
  foreach(i RANGE ${last})
    foreach(key module procedure hook)
      string(JSON ${key} GET ${table} procedures ${i} ${key})
    endforeach()
    list(APPEND wrapped ${module}/${procedure}/${hook})
  endforeach()
  set(JML_WRAPPED "${wrapped}" PARENT_SCOPE)

  set(pattern)
  set(names)
  string(JSON count LENGTH ${table} compilers)
  math(EXPR last "${count} - 1")
  foreach(i RANGE ${last})
    string(JSON name GET ${table} compilers ${i} name)
    list(APPEND names ${name})
    string(JSON ids GET ${table} compilers ${i} cmake_ids)
    if(ids MATCHES "\"${CMAKE_Fortran_COMPILER_ID}\"")
      string(JSON pattern GET ${table} compilers ${i} symbol)
    endif()
  endforeach()
  if(NOT pattern)
    list(JOIN names ", " names)
    message(FATAL_ERROR "The symbols of the Fortran compiler ${CMAKE_Fortran_COMPILER_ID} are unknown. Those of ${names} are known. "
      "Add its spelling to \"compilers\" in ${JML_SYMBOL_NAMES}")
  endif()
  set(JML_SYMBOL_PATTERN "${pattern}" PARENT_SCOPE)
endfunction()

jml_read_symbol_names()

function(jml_symbol variable module procedure)
  string(REPLACE "{module}" "${module}" symbol "${JML_SYMBOL_PATTERN}")
  string(REPLACE "{procedure}" "${procedure}" symbol "${symbol}")
  set(${variable} "${symbol}" PARENT_SCOPE)
endfunction()
