# jml_check_interfaces(MOD_DIRS <dir>...)
#
# The compiler compares what the hooks assume with the .mod files of a JULES: the arguments of the procedures that the hooks wrap
# or call, and the variables of its modules. Sets in the caller's scope
#   JML_NAMES_VARIANT    version of JULES from which names are as here, of variants/jml_jules_names_*.f90
#   JML_MICROBE_VARIANT  version of JULES with these arguments of microbe, of variants/jml_hooks_microbe_*.f90
#   JML_JULES_VERSIONS   versions of JULES that have the names of this one
# The interface decides, not the version: branches of JULES mix them. If a check fails, configuration ends, and
# <build>/jml_refusal.txt says why: the kind of the problem, what differs, and the compiler's messages.

include_guard()

set(JML_CHECKS_DIR ${CMAKE_CURRENT_LIST_DIR}/checks)
set(JML_VARIANTS_DIR ${CMAKE_CURRENT_LIST_DIR}/variants)

# Variants that are tried, the newest first
set(JML_NAMES_VARIANTS 8_2 7_2 7_0)
set(JML_MICROBE_VARIANTS 8_2 7_6 7_0)

# Procedures that the hooks wrap or call: module/procedure
set(JML_EXPECTED_PROCEDURES
  time_varying_input_mod/update_model_variables write_dump_mod/write_dump read_dump_mod/read_dump jules_final_mod/jules_final
  output_mod/close_all logging_mod/log_info logging_mod/log_warn logging_mod/log_error logging_mod/log_fatal
  freeze_soil_mod/freeze_soil infiltration_rate_mod/infiltration_rate hyd_psi_mod/sthu_from_psi)

# Variables that came with a version, the newest first: versions of JULES that have it and no newer one/module/name
set(JML_VERSION_PROBES
  "8.2 or later/jules_soil_biogeochem_mod/cs_decomp_soil_moist_func"
  "8.0 or 8.1/jules_surface_mod/anthrop_heat_option"
  "7.9/jules_vegetation_mod/l_red"
  "7.8/imogen_run/l_daily_metdata_climatol"
  "7.6 or 7.7/jules_soil_biogeochem_mod/z_burn_max"
  "7.5/jules_science_fixes_mod/l_fix_neg_snow"
  "7.4/jules_vegetation_mod/l_sugar"
  "7.2 or 7.3/jules_soil_biogeochem_mod/kaps_4pool"
  "7.1/datetime_mod/l_local_solar_time"
  "7.0 or earlier/jules_soil_biogeochem_mod/kaps_roth")

# Whether sources compile; the compiler's messages are in <result>_MESSAGES
function(jml_compiles result)
  set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
  unset(JML_COMPILED CACHE)
  string(MD5 folder "${ARGN}")   # one folder for each set, because .mod files of the last one would be found
  set(folder ${CMAKE_BINARY_DIR}/jml_checks/${folder})
  file(REMOVE_RECURSE ${folder})
  try_compile(JML_COMPILED ${folder} SOURCES ${ARGN}
    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${JML_CHECK_MOD_DIRS}" OUTPUT_VARIABLE messages)
  set(${result} ${JML_COMPILED} PARENT_SCOPE)
  set(${result}_MESSAGES "${messages}" PARENT_SCOPE)
  unset(JML_COMPILED CACHE)
endfunction()

# End the configuration with a message, and leave it for build_hooks. If the compiler cannot read the .mod files, that is the reason.
function(jml_refuse kind what messages)
  file(WRITE ${CMAKE_BINARY_DIR}/jml_checks/read_modules.f90 "subroutine read_modules()\n  use um_types, only: real_jlslsm\n"
    "  use microbe_mod, only: microbe\nend subroutine read_modules\n")
  jml_compiles(readable ${CMAKE_BINARY_DIR}/jml_checks/read_modules.f90)
  if(NOT readable)
    set(kind unreadable)
    set(messages "${readable_MESSAGES}")
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/jml_refusal.txt "${kind}\n${what}\n${messages}")
  message(FATAL_ERROR "The hooks do not fit this JULES (${kind}: ${what}).\n${messages}")
endfunction()

# The check program of a procedure, from the interface in <source>: it calls the procedure with 0, 1, 2, ... arguments by position
function(jml_write_check variable source module procedure expected expected_module)
  file(READ ${source} text)
  string(REGEX REPLACE "&[ \t]*\n" "" text "${text}")
  string(REGEX MATCH "module (subroutine|function) ${expected}\\(([^)]*)\\)( result\\(([a-z_]+)\\))?" found "${text}")
  set(arguments "${CMAKE_MATCH_2}")
  set(call "call ")
  if(CMAKE_MATCH_1 STREQUAL "function")
    set(call "${CMAKE_MATCH_4} = ")
  endif()
  string(REGEX REPLACE "[ \t]" "" arguments "${arguments}")
  string(REPLACE "," ";" arguments "${arguments}")
  list(LENGTH arguments n)
  set(calls "")
  if(n GREATER 0)
    math(EXPR last "${n} - 1")
    foreach(by_position RANGE ${last})
      set(actual "")
      set(k 0)
      foreach(argument IN LISTS arguments)
        if(k LESS by_position)
          list(APPEND actual "${argument}")
        else()
          list(APPEND actual "${argument}=${argument}")
        endif()
        math(EXPR k "${k} + 1")
      endforeach()
      list(JOIN actual ", &\n      " actual)
      string(APPEND calls "    ${call}${procedure}(${actual})\n")
    endforeach()
  endif()
  set(file ${CMAKE_BINARY_DIR}/jml_checks/check_${expected}.f90)
  configure_file(${JML_CHECKS_DIR}/check_procedure.f90.in ${file} @ONLY)
  set(${variable} ${file} PARENT_SCOPE)
endfunction()

function(jml_check_interfaces)
  cmake_parse_arguments(arg "" "" "MOD_DIRS" ${ARGN})
  set(JML_CHECK_MOD_DIRS "${arg_MOD_DIRS}")
  file(REMOVE ${CMAKE_BINARY_DIR}/jml_refusal.txt)

  set(names)
  foreach(variant IN LISTS JML_NAMES_VARIANTS)
    set(names_source ${JML_VARIANTS_DIR}/jml_jules_names_${variant}.f90)
    jml_compiles(fits ${names_source})
    if(fits)
      set(names ${variant})
      break()
    endif()
  endforeach()
  if(NOT names)
    jml_refuse(variable "kaps_4pool or soil_model_4pool of jules_soil_biogeochem_mod (before 7.2, kaps_roth and soil_model_rothc), \
or mpi_local_comm of jules_vars_mod is missing" "${fits_MESSAGES}")
  endif()

  set(microbe)
  foreach(variant IN LISTS JML_MICROBE_VARIANTS)
    set(source ${JML_VARIANTS_DIR}/jml_hooks_microbe_${variant}.f90)
    jml_write_check(check ${source} microbe_mod microbe wrap_microbe jml_hooks_microbe)
    jml_compiles(fits ${source} ${check})
    if(fits)
      set(microbe ${variant})
      break()
    endif()
  endforeach()
  if(NOT microbe)
    jml_refuse(microbe microbe "${fits_MESSAGES}")
  endif()

  set(expected ${JML_CHECKS_DIR}/jml_expected.f90)
  set(checks)
  foreach(item IN LISTS JML_EXPECTED_PROCEDURES)
    string(REPLACE "/" ";" parts ${item})
    list(GET parts 0 module)
    list(GET parts 1 procedure)
    jml_write_check(check ${expected} ${module} ${procedure} ${procedure}_expected jml_expected)
    list(APPEND checks ${check})
  endforeach()
  jml_compiles(fit ${names_source} ${JML_CHECKS_DIR}/check_variables.f90 ${expected} ${checks})
  if(NOT fit)
    jml_compiles(fits ${names_source} ${JML_CHECKS_DIR}/check_variables.f90)
    if(NOT fits)
      jml_refuse(variable "" "${fits_MESSAGES}")
    endif()
    foreach(item check IN ZIP_LISTS JML_EXPECTED_PROCEDURES checks)
      jml_compiles(fits ${expected} ${check})
      if(NOT fits)
        jml_refuse(procedure ${item} "${fits_MESSAGES}")
      endif()
    endforeach()
    jml_refuse(procedure unknown "${fit_MESSAGES}")
  endif()

  set(versions unknown)
  foreach(probe IN LISTS JML_VERSION_PROBES)
    string(REPLACE "/" ";" parts ${probe})
    list(GET parts 0 versions)
    list(GET parts 1 module)
    list(GET parts 2 name)
    set(source ${CMAKE_BINARY_DIR}/jml_checks/probe_${name}.f90)
    file(WRITE ${source} "subroutine probe()\n  use ${module}, only: ${name}\nend subroutine probe\n")
    jml_compiles(has_name ${source})
    if(has_name)
      break()
    endif()
    set(versions unknown)
  endforeach()

  string(REPLACE "_" "." names ${names})
  string(REPLACE "_" "." microbe ${microbe})
  set(JML_NAMES_VARIANT ${names} PARENT_SCOPE)
  set(JML_MICROBE_VARIANT ${microbe} PARENT_SCOPE)
  set(JML_JULES_VERSIONS ${versions} PARENT_SCOPE)
endfunction()
