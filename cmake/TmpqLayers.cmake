# One target per folder; the dependencies named here are the include edges that the design allows.
# tests/house reads this file and fails on any #include that is not covered by it.
#
#   tmpq_layer(<folder> [<folder it may include>...])

# Makes target tmpq_<name> from all sources below src/<name> (kernels: below kernels/).
function(tmpq_layer name)
  set(target tmpq_${name})
  if(name STREQUAL kernels)
    set(root ${PROJECT_SOURCE_DIR}/kernels)
  else()
    set(root ${PROJECT_SOURCE_DIR}/src/${name})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${root}/*.cc)
  add_library(${target} STATIC ${sources})
  target_link_libraries(${target} PUBLIC tmpq_options)
  set_property(GLOBAL APPEND PROPERTY TMPQ_LAYERS ${name})
  foreach(dependency IN LISTS ARGN)
    target_link_libraries(${target} PUBLIC tmpq_${dependency})
  endforeach()
endfunction()

tmpq_layer(kernels)
tmpq_layer(core kernels)
tmpq_layer(plan core)
tmpq_layer(text core)
tmpq_layer(graph core plan)
tmpq_layer(schedule core plan)
tmpq_layer(search core plan)
tmpq_layer(models core plan graph)
tmpq_layer(quant core plan graph kernels)
tmpq_layer(supernet core plan graph quant kernels)
tmpq_layer(runtime core plan graph schedule quant supernet kernels)
tmpq_layer(data core plan)
tmpq_layer(metrics core plan graph runtime data)
tmpq_layer(eval core plan text graph models schedule quant supernet runtime metrics search data kernels)
tmpq_layer(mpi core eval)
if(TMPQ_WITH_TORCH)
  tmpq_layer(torch core plan graph quant kernels)
  tmpq_layer(train core plan graph schedule models data quant supernet torch)
endif()

# Libraries from outside, each at the one layer that wraps it.
target_link_libraries(tmpq_kernels PUBLIC Boost::context)  # kernels/emulation: fibers
target_include_directories(tmpq_core PRIVATE ${XXHASH_INCLUDE_DIR})
target_link_libraries(tmpq_core PUBLIC nlohmann_json::nlohmann_json Boost::program_options
                                PRIVATE ${XXHASH_LIBRARY})
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/core/version.cc PROPERTIES
  COMPILE_DEFINITIONS "TMPQ_GIT_REVISION=\"${TMPQ_GIT_REVISION}\";TMPQ_VERSION=\"${PROJECT_VERSION}\"")
target_link_libraries(tmpq_text PRIVATE ICU::uc ${SENTENCEPIECE_LIBRARY})
target_include_directories(tmpq_text PRIVATE ${SENTENCEPIECE_INCLUDE_DIR})
target_include_directories(tmpq_search SYSTEM PRIVATE ${CBC_INCLUDE_DIR})
target_link_libraries(tmpq_search PRIVATE Boost::headers Eigen3::Eigen ${CBC_LIBRARIES})
target_link_libraries(tmpq_data PRIVATE PNG::PNG GIF::GIF ZLIB::ZLIB)
target_link_libraries(tmpq_metrics PRIVATE Boost::headers Eigen3::Eigen)
target_link_libraries(tmpq_quant PRIVATE Eigen3::Eigen)
target_include_directories(tmpq_eval PRIVATE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(tmpq_eval PRIVATE ${HDF5_C_LIBRARIES})
if(TMPQ_WITH_TORCH)
  target_link_libraries(tmpq_torch PRIVATE LibTorch::LibTorch)
  target_link_libraries(tmpq_train PRIVATE LibTorch::LibTorch)
endif()

# Kernels chosen at run time: kernels/cpu/*_avx512*.cc and *_avx2*.cc get their own flags.
# -fno-trapping-math: nobody reads the floating-point exception flags, and without it GCC vectorizes no loop over
# the functions of numerics.h; it changes no value. -W(maybe-)uninitialized: GCC 12 warns falsely inside its own intrinsics (GCC bug 105593).
file(GLOB avx512_sources ${PROJECT_SOURCE_DIR}/kernels/cpu/*avx512*.cc)
set_source_files_properties(${avx512_sources} PROPERTIES COMPILE_OPTIONS
  "-fno-trapping-math;-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni;-mfma;-mprefer-vector-width=512;-Wno-maybe-uninitialized;-Wno-uninitialized")
file(GLOB avx2_sources ${PROJECT_SOURCE_DIR}/kernels/cpu/*avx2*.cc)
set_source_files_properties(${avx2_sources} PROPERTIES COMPILE_OPTIONS "-fno-trapping-math;-mavx2;-mfma;-mf16c")
