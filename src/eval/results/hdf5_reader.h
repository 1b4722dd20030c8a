// HDF5 input through the C API: what Hdf5Writer writes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tmpq {

// Every error names file and path: kIo where the file cannot be opened as HDF5, kInput where an
// object or attribute is missing or of another type. Not thread-safe.
class Hdf5Reader {
 public:
  explicit Hdf5Reader(const std::filesystem::path& path);
  ~Hdf5Reader();
  Hdf5Reader(const Hdf5Reader&) = delete;
  Hdf5Reader& operator=(const Hdf5Reader&) = delete;

  bool Has(const std::string& path) const;  // "/a/b", whose "/a" there is
  // Names in a group, and of an object's attributes, sorted.
  std::vector<std::string> Members(const std::string& group) const;
  std::vector<std::string> AttributesOf(const std::string& path) const;

  // Datasets, row-major; strings are UTF-8 of variable length, a scalar is one.
  std::vector<double> Doubles(const std::string& path) const;
  std::vector<int64_t> Integers(const std::string& path) const;
  std::vector<std::string> Strings(const std::string& path) const;
  // Attributes; the first three are scalars.
  std::string Text(const std::string& path, const std::string& name) const;
  int64_t Number(const std::string& path, const std::string& name) const;
  double Real(const std::string& path, const std::string& name) const;
  std::vector<std::string> Texts(const std::string& path, const std::string& name) const;
  std::vector<double> Reals(const std::string& path, const std::string& name) const;

 private:
  std::string where_;
  int64_t file_ = -1;  // HDF5's hid_t, kept out of this header
};

}  // namespace tmpq
