# Finds LibTorch and makes the imported target LibTorch::LibTorch: its CPU libraries, and those of CUDA where they are.
#
# Searched: $TORCH_DIR (the official archive's layout: lib/, include/; or a wheel's: torch/lib/), else the
# folder that scripts/setup.sh fills. The wheel's own find_package(Torch) asks for CUDA, which is not needed.
set(_roots)
if(DEFINED ENV{TORCH_DIR})
  list(APPEND _roots $ENV{TORCH_DIR} $ENV{TORCH_DIR}/torch)
endif()
list(APPEND _roots ${PROJECT_SOURCE_DIR}/.deps/libtorch/torch)

find_library(LibTorch_CPU_LIBRARY torch_cpu PATHS ${_roots} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 PATHS ${_roots} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_path(LibTorch_INCLUDE_DIR ATen/core/Tensor.h PATHS ${_roots} PATH_SUFFIXES include NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, set TORCH_DIR, or configure with -DTMPQ_WITH_TORCH=OFF")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  get_filename_component(_lib_dir ${LibTorch_CPU_LIBRARY} DIRECTORY)
  # The wheel's libtorch_cpu.so finds libcupti and libcudart through its RPATH; the linker has to be told.
  file(GLOB _cuda_dirs ${_lib_dir}/../../nvidia/*/lib)
  add_library(LibTorch::C10 SHARED IMPORTED)
  set_target_properties(LibTorch::C10 PROPERTIES IMPORTED_LOCATION ${LibTorch_C10_LIBRARY})
  add_library(LibTorch::LibTorch SHARED IMPORTED)
  set_target_properties(LibTorch::LibTorch PROPERTIES
    IMPORTED_LOCATION ${LibTorch_CPU_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_COMPILE_DEFINITIONS "_GLIBCXX_USE_CXX11_ABI=1"
    INTERFACE_LINK_LIBRARIES LibTorch::C10)
  # Nothing names a symbol of these: their kernels register themselves when they are loaded.
  find_library(LibTorch_CUDA_LIBRARY torch_cuda PATHS ${_lib_dir} NO_DEFAULT_PATH)
  find_library(LibTorch_C10_CUDA_LIBRARY c10_cuda PATHS ${_lib_dir} NO_DEFAULT_PATH)
  if(LibTorch_CUDA_LIBRARY AND LibTorch_C10_CUDA_LIBRARY)
    target_link_options(LibTorch::LibTorch INTERFACE
                        "-Wl,--no-as-needed,${LibTorch_CUDA_LIBRARY},${LibTorch_C10_CUDA_LIBRARY},--as-needed")
  endif()
  foreach(_dir IN LISTS _lib_dir _cuda_dirs)
    target_link_options(LibTorch::LibTorch INTERFACE "-Wl,-rpath-link,${_dir}")
  endforeach()
endif()
mark_as_advanced(LibTorch_CUDA_LIBRARY LibTorch_C10_CUDA_LIBRARY LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR)
