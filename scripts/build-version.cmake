# Writes OUTPUT, a header with the version and the commit, at every build; touches it only when they change.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short HEAD OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
execute_process(COMMAND git -C ${SOURCE} diff --quiet HEAD RESULT_VARIABLE changed OUTPUT_QUIET ERROR_QUIET)
if(NOT commit)
  set(text "${VERSION}")  # not a git checkout
elseif(changed)
  set(text "${VERSION}+${commit}.changed")
else()
  set(text "${VERSION}+${commit}")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#pragma once\n#define LIMNER_BUILD_VERSION \"${text}\"\n")
