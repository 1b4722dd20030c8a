// HDF5 output through the C API: groups, attributes, 1-D and 2-D datasets.
//
// The file is built in memory (HDF5's core driver) and written by core/file.h, so that it appears
// whole or not at all, and a full disk is an ordinary kIo error instead of an HDF5 handle that
// cannot be closed. The same calls give the same bytes: no times are tracked. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tmpq {

class Hdf5Writer {
 public:
  // Also switches off HDF5's own printing to stderr, for the whole process.
  Hdf5Writer();
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  // Objects are named by absolute paths ("/evaluations/costs"); missing groups on the way are made,
  // an existing group is left as it is. HDF5 errors throw kIo naming the path.
  void MakeGroup(const std::string& path);

  // Attributes of a group or dataset that exists. Strings are UTF-8 of variable length.
  void SetAttribute(const std::string& path, const std::string& name, const std::string& value);
  void SetAttribute(const std::string& path, const std::string& name, double value);
  void SetAttribute(const std::string& path, const std::string& name, int64_t value);
  void SetAttribute(const std::string& path, const std::string& name,
                    const std::vector<std::string>& values);
  void SetAttribute(const std::string& path, const std::string& name,
                    const std::vector<double>& values);
  void SetAttribute(const std::string& path, const std::string& name,
                    const std::vector<int64_t>& values);

  // Row-major datasets; `shape` has one or two extents, of which any may be 0. `units` becomes an
  // attribute of that name; "1" is a number without unit.
  void Write(const std::string& path, std::span<const double> values,
             const std::vector<int64_t>& shape, const std::string& units);
  void Write(const std::string& path, std::span<const int64_t> values,
             const std::vector<int64_t>& shape, const std::string& units);
  void Write(const std::string& path, std::span<const int32_t> values,
             const std::vector<int64_t>& shape, const std::string& units);
  void Write(const std::string& path, std::span<const uint8_t> values,
             const std::vector<int64_t>& shape, const std::string& units);
  void Write(const std::string& path, const std::vector<std::string>& values);
  void WriteText(const std::string& path, const std::string& text);  // one string

  // The file's bytes as they stand; WriteFileAtomically puts them on the disk.
  std::string Serialize() const;

 private:
  // Handles are HDF5's hid_t, kept out of this header.
  void SetArrayAttribute(const std::string& path, const std::string& name, int64_t type,
                         int64_t count, const void* data);
  void WriteArray(const std::string& path, int64_t type, const std::vector<int64_t>& shape,
                  size_t elements, const void* data);
  void WriteNumbers(const std::string& path, int64_t type, const std::vector<int64_t>& shape,
                    size_t elements, const void* data, const std::string& units);

  int64_t file_ = -1;
  int64_t string_type_ = -1;
};

}  // namespace tmpq
