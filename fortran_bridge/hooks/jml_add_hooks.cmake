# jml_add_hooks(<name> MOD_DIRS <dir>... NAMES <variant> MICROBE <variant> VERSIONS <text> MPI <name> [TARGETS <target>...])
#
# Builds the hooks with these variants (see jml_check_interfaces.cmake) against the .mod files of a land model, and joins them with
# the bridge in one relocatable object, <build>/<name>.o. Its link flags are in <build>/<name>.flags and in the property
# JML_LINK_FLAGS of target <name>.
#
# The hooks are Fortran procedures in modules, because their arguments have types of the land model that C does not have.
# objcopy renames their symbols, and those of the land model's procedures that they call, to the names that --wrap needs.

include_guard()
include(${CMAKE_CURRENT_LIST_DIR}/jml_check_interfaces.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/jml_symbol.cmake)   # JML_WRAPPED and jml_symbol()

set(JML_HOOK_SOURCES
  jml_hooks_run.f90 jml_hooks_failure.f90 jml_hooks_guards.f90 jml_hooks_start.f90 jml_hooks_flux.f90
  jml_hooks_antecedent.f90 jml_hooks_respiration.f90 jml_hooks_column.f90 jml_hooks_ledger.f90 jml_hooks_humidity.f90 jml_hooks_forcing.f90
  jml_hooks_place.f90 jml_hooks_moisture.f90 jml_hooks_properties.f90 jml_hooks_restart.f90 jml_hooks_step.f90)
list(TRANSFORM JML_HOOK_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
set(JML_HOOKS_DIR ${CMAKE_CURRENT_LIST_DIR})
set(JML_VERSION ${PROJECT_VERSION} CACHE STRING "Version of jules_ml, which the hooks report")

# The newest of the names that show the version of JULES, for a JULES of these versions, and the names that it lacks
function(jml_names_of_versions has lacks versions)
  set(newer "")
  set(found "")
  foreach(probe IN LISTS JML_VERSION_PROBES)
    string(REGEX MATCH "^([^/]*)/(.*)$" probe ${probe})
    if(CMAKE_MATCH_1 STREQUAL versions)
      set(found ${CMAKE_MATCH_2})
      break()
    endif()
    string(APPEND newer "${CMAKE_MATCH_2} ' // &\n    '")
  endforeach()
  set(${has} "${found}" PARENT_SCOPE)
  set(${lacks} "${newer}" PARENT_SCOPE)
endfunction()

function(jml_add_hooks name)
  cmake_parse_arguments(arg "" "NAMES;MICROBE;VERSIONS;MPI" "MOD_DIRS;TARGETS" ${ARGN})

  string(REPLACE "." "_" names ${arg_NAMES})
  string(REPLACE "." "_" microbe ${arg_MICROBE})
  set(MICROBE_VARIANT ${arg_MICROBE})
  set(JULES_VERSIONS ${arg_VERSIONS})
  set(MPI_NAME ${arg_MPI})
  jml_names_of_versions(JML_HAS_NAME JML_LACKS_NAMES "${arg_VERSIONS}")
  set(stamp ${CMAKE_CURRENT_BINARY_DIR}/${name}_stamp/jml_hooks_stamp.f90)
  configure_file(${JML_HOOKS_DIR}/jml_hooks_stamp.f90.in ${stamp} @ONLY)
  set(variants jml_jules_names_${names}.f90 jml_hooks_microbe_${microbe}.f90 jml_hooks_microbe_${microbe}_body.f90)
  list(TRANSFORM variants PREPEND ${JML_HOOKS_DIR}/variants/)

  add_library(${name}_objects OBJECT ${JML_HOOK_SOURCES} ${variants} ${stamp})
  set_target_properties(${name}_objects PROPERTIES
    POSITION_INDEPENDENT_CODE ON
    INTERPROCEDURAL_OPTIMIZATION OFF
    Fortran_MODULE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${name}_mod)
  target_include_directories(${name}_objects PRIVATE
    $<TARGET_PROPERTY:jules_ml_bridge_static,INTERFACE_INCLUDE_DIRECTORIES> ${arg_MOD_DIRS})
  # OpenMP only for its atomics, which need no runtime: the land model may be built with or without OpenMP.
  target_compile_options(${name}_objects PRIVATE
    $<$<Fortran_COMPILER_ID:GNU,LLVMFlang>:-fopenmp> $<$<Fortran_COMPILER_ID:Intel,IntelLLVM>:-qopenmp>)
  add_dependencies(${name}_objects jules_ml_bridge_static ${arg_TARGETS})

  set(renames)
  set(flags)
  foreach(wrapped IN LISTS JML_WRAPPED)
    string(REPLACE "/" ";" parts ${wrapped})
    list(GET parts 0 module)
    list(GET parts 1 procedure)
    list(GET parts 2 hook)
    jml_symbol(original ${module} ${procedure})
    jml_symbol(wrapper ${hook} wrap_${procedure})
    list(APPEND renames
      --redefine-sym ${wrapper}=__wrap_${original} --redefine-sym jml_real_${procedure}_=__real_${original})
    list(APPEND flags -Wl,--wrap=${original})
  endforeach()
  if("${flags}" MATCHES "[$]")   # shells and FCM would expand it: the linker reads these options from a file
    list(TRANSFORM flags REPLACE "^-Wl," "")
    list(JOIN flags "\n" wraps)
    file(WRITE ${CMAKE_BINARY_DIR}/${name}.wraps "${wraps}\n")
    set(flags -Wl,@${CMAKE_BINARY_DIR}/${name}.wraps)
  endif()

  set(object ${CMAKE_BINARY_DIR}/${name}.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_LINKER} -r -o ${object} $<TARGET_OBJECTS:${name}_objects> $<TARGET_OBJECTS:jules_ml_bridge_objects>
    COMMAND ${CMAKE_OBJCOPY} ${renames} ${object}
    DEPENDS ${name}_objects jules_ml_bridge_objects $<TARGET_OBJECTS:${name}_objects>
      $<TARGET_OBJECTS:jules_ml_bridge_objects>
    COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "Joining the hooks to ${name}.o")
  add_custom_target(${name} ALL DEPENDS ${object})

  list(APPEND flags ${object})
  foreach(library IN LISTS CMAKE_DL_LIBS)
    list(APPEND flags -l${library})
  endforeach()
  set_target_properties(${name} PROPERTIES JML_LINK_FLAGS "${flags}")
  list(JOIN flags " " text)
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/${name}.flags CONTENT "${text}\n")
endfunction()
