# Flags that every target shares. The numerics contract (docs/numerics.md) needs: no contraction into
# fused multiply-adds, no fast math, no reassociation. `tmpq_options` carries them.
add_library(tmpq_options INTERFACE)
target_include_directories(tmpq_options INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                                  $<INSTALL_INTERFACE:include/tmpq>)
# -Wrestrict: GCC 12 warns falsely about string concatenation (GCC bug 105651).
target_compile_options(tmpq_options INTERFACE -ffp-contract=off -fno-fast-math)
target_compile_options(tmpq_options INTERFACE
                       $<BUILD_INTERFACE:-Wall;-Wextra;-Wshadow;-Wno-sign-compare>
                       $<BUILD_INTERFACE:$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>>)
if(TMPQ_WARNINGS_AS_ERRORS)
  target_compile_options(tmpq_options INTERFACE $<BUILD_INTERFACE:-Werror>)
endif()
if(TMPQ_BASELINE_ARCH AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(tmpq_options INTERFACE -march=${TMPQ_BASELINE_ARCH})
endif()
if(TMPQ_SANITIZE)
  # -Wmaybe-uninitialized: GCC 12 warns falsely inside libstdc++'s <regex> when instrumented.
  target_compile_options(tmpq_options INTERFACE -fsanitize=${TMPQ_SANITIZE} -fno-omit-frame-pointer
                         -Wno-maybe-uninitialized)
  target_link_options(tmpq_options INTERFACE -fsanitize=${TMPQ_SANITIZE})
endif()
target_link_libraries(tmpq_options INTERFACE OpenMP::OpenMP_CXX)
# Eigen's own threading would make results depend on the number of threads.
target_compile_definitions(tmpq_options INTERFACE EIGEN_DONT_PARALLELIZE)

# The revision is baked into one file only (src/core/version.cc), so a commit recompiles one file.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} rev-parse --short=12 HEAD
                OUTPUT_VARIABLE TMPQ_GIT_REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT TMPQ_GIT_REVISION)
  set(TMPQ_GIT_REVISION unknown)
endif()
# Every commit and checkout is a line of HEAD's log; .git/HEAD itself only names the branch.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} rev-parse --path-format=absolute --git-path logs/HEAD
                OUTPUT_VARIABLE TMPQ_GIT_LOG OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(EXISTS "${TMPQ_GIT_LOG}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${TMPQ_GIT_LOG})
endif()
