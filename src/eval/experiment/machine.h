// Where and with what a result was made.
#pragma once

#include "src/core/json.h"

namespace tmpq {

// {processor, cores, kernels, system}.
Json DescribeMachine();
// {name: version} of the compiler and the libraries that results depend on.
Json LibraryVersions();

}  // namespace tmpq
