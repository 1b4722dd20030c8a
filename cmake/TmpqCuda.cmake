# The CUDA half of kernels/cuda: the same instances_*.cc that g++ compiles for the emulated device, compiled
# by nvcc. TMPQ_CUDA is AUTO (where nvcc is found), ON (an error without) or OFF.
set(TMPQ_CUDA "AUTO" CACHE STRING "Compile kernels for CUDA devices: AUTO, ON or OFF")
set(TMPQ_CUDA_ARCHITECTURES "80;90;120" CACHE STRING "Compute capabilities, without the point")

# Searched: $CUDA_HOME, an installed toolkit, and the folder that scripts/setup.sh fills.
if(TMPQ_CUDA)
  find_program(TMPQ_NVCC nvcc
               HINTS ENV CUDA_HOME ENV CUDA_PATH
               PATHS /usr/local/cuda ${PROJECT_SOURCE_DIR}/.deps/cuda/nvidia/cu13
               PATH_SUFFIXES bin)
endif()
if(TMPQ_CUDA AND NOT TMPQ_CUDA STREQUAL "AUTO" AND NOT TMPQ_NVCC)
  message(FATAL_ERROR "TMPQ_CUDA=${TMPQ_CUDA}, but there is no nvcc: run scripts/setup.sh or set CUDA_HOME")
endif()
if(NOT TMPQ_CUDA OR NOT TMPQ_NVCC)
  message(STATUS "CUDA: off; kernels run on the emulated device only")
  return()
endif()

get_filename_component(_nvcc ${TMPQ_NVCC} REALPATH)
get_filename_component(_root ${_nvcc}/../.. ABSOLUTE)
find_library(TMPQ_CUDART cudart_static PATHS ${_root}/lib ${_root}/lib64 ${_root}/targets/x86_64-linux/lib
             NO_DEFAULT_PATH REQUIRED)
find_path(TMPQ_CUDA_INCLUDE cuda_runtime_api.h PATHS ${_root}/include ${_root}/targets/x86_64-linux/include
          NO_DEFAULT_PATH REQUIRED)
message(STATUS "CUDA: ${_nvcc} for ${TMPQ_CUDA_ARCHITECTURES}")

# The numerics contract: no contraction, denormals kept, IEEE division and square root.
set(TMPQ_NVCC_FLAGS -std=c++20 -O3 -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
    -I${PROJECT_SOURCE_DIR} -Xcompiler=-Wall,-Wextra,-fPIC)
if(TMPQ_WARNINGS_AS_ERRORS)
  list(APPEND TMPQ_NVCC_FLAGS -Werror=all-warnings)
endif()
foreach(arch IN LISTS TMPQ_CUDA_ARCHITECTURES)
  list(APPEND TMPQ_NVCC_FLAGS -gencode=arch=compute_${arch},code=sm_${arch})
endforeach()

set(_objects)
foreach(name gemm attention other)
  set(_source ${PROJECT_SOURCE_DIR}/kernels/cuda/instances_${name}.cc)
  set(_object ${PROJECT_BINARY_DIR}/cuda/instances_${name}.o)
  add_custom_command(
    OUTPUT ${_object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/cuda
    COMMAND ${_nvcc} ${TMPQ_NVCC_FLAGS} -x cu -MD -MF ${_object}.d -c ${_source} -o ${_object}
    DEPENDS ${_source} DEPFILE ${_object}.d
    COMMENT "nvcc instances_${name} for ${TMPQ_CUDA_ARCHITECTURES}" VERBATIM)
  list(APPEND _objects ${_object})
endforeach()
add_library(tmpq_cuda STATIC ${_objects})
set_target_properties(tmpq_cuda PROPERTIES LINKER_LANGUAGE CXX)
target_link_libraries(tmpq_cuda PUBLIC ${TMPQ_CUDART} ${CMAKE_DL_LIBS} rt pthread)
target_link_libraries(tmpq_runtime PRIVATE tmpq_cuda)
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/runtime/device/cuda_device.cc PROPERTIES
  COMPILE_DEFINITIONS TMPQ_HAS_CUDA INCLUDE_DIRECTORIES ${TMPQ_CUDA_INCLUDE})
