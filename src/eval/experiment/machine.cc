#include "src/eval/experiment/machine.h"

#include <hdf5.h>
#include <sys/utsname.h>

#include <boost/version.hpp>
#include <fstream>
#include <thread>

#include "kernels/include/kernels.h"

namespace tmpq {
namespace {

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string Joined(unsigned major, unsigned minor, unsigned patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace

Json DescribeMachine() {
  utsname system{};
  uname(&system);
  return {{"processor", ProcessorName()},
          {"cores", std::thread::hardware_concurrency()},
          {"kernels", kernels::BestKernels().name},
          {"system", std::string(system.sysname) + " " + system.release}};
}

Json LibraryVersions() {
  return {
      {"compiler", __VERSION__},
      {"boost", Joined(BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100)},
      {"hdf5", Joined(H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE)},
      {"nlohmann_json", Joined(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                               NLOHMANN_JSON_VERSION_PATCH)}};
}

}  // namespace tmpq
