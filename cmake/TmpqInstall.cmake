# cmake --install: programs, bundled checkpoints, headers, static libraries, and a CMake package:
#
#   find_package(tmpq REQUIRED)
#   target_link_libraries(mine PRIVATE tmpq::runtime)    # or any other layer but mpi, torch and train
#
# Programs find the checkpoints from where they lie, so a prefix can be moved; those that need
# LibTorch look for it where it was.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(_headers ${CMAKE_INSTALL_INCLUDEDIR}/tmpq)
set(_package ${CMAKE_INSTALL_LIBDIR}/cmake/tmpq)

install(DIRECTORY kernels src DESTINATION ${_headers} FILES_MATCHING PATTERN "*.h"
        PATTERN "src/mpi" EXCLUDE PATTERN "src/torch" EXCLUDE
        PATTERN "src/train" EXCLUDE PATTERN "hdf5_handle.h" EXCLUDE)
install(DIRECTORY checkpoints DESTINATION ${CMAKE_INSTALL_DATADIR}/tmpq
        FILES_MATCHING PATTERN "*.safetensors" PATTERN "*.ini" PATTERN "README.md")

get_property(_layers GLOBAL PROPERTY TMPQ_LAYERS)
list(REMOVE_ITEM _layers mpi torch train)  # programs' alone
set(_targets tmpq_options)
foreach(layer IN LISTS _layers)
  list(APPEND _targets tmpq_${layer})
endforeach()
if(TARGET tmpq_cuda)
  list(APPEND _targets tmpq_cuda)
endif()
foreach(target IN LISTS _targets)
  string(REPLACE "tmpq_" "" _name ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${_name})
endforeach()
install(TARGETS ${_targets} EXPORT tmpq-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT tmpq-targets NAMESPACE tmpq:: DESTINATION ${_package})

get_property(_programs GLOBAL PROPERTY TMPQ_PROGRAMS)
if(TMPQ_WITH_TORCH)
  get_filename_component(_libtorch ${LibTorch_CPU_LIBRARY} DIRECTORY)
  file(GLOB _cuda_libraries ${_libtorch}/../../nvidia/*/lib)
  set_target_properties(${_programs} PROPERTIES INSTALL_RPATH "${_libtorch};${_cuda_libraries}")
endif()
install(TARGETS ${_programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

configure_package_config_file(cmake/tmpq-config.cmake.in ${PROJECT_BINARY_DIR}/tmpq-config.cmake
                              INSTALL_DESTINATION ${_package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tmpq-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tmpq-config.cmake ${PROJECT_BINARY_DIR}/tmpq-config-version.cmake
        DESTINATION ${_package})
