#include "src/eval/results/hdf5_file.h"

#include <type_traits>

#include "src/core/error.h"
#include "src/eval/results/hdf5_handle.h"

namespace tmpq {
namespace {

static_assert(std::is_same_v<hid_t, int64_t>, "handles are kept as int64_t");

constexpr size_t kGrowthBytes = size_t{1} << 20;  // of the image in memory
constexpr int64_t kScalar = -1;                   // instead of a count: a scalar dataspace

// Creation properties of objects that keep no times, so that equal content is equal bytes.
Handle Timeless(hid_t kind) {
  const hid_t id = Checked(H5Pcreate(kind), "objects", "make properties");
  H5Pset_obj_track_times(id, false);
  return {id, H5Pclose};
}

std::vector<const char*> Pointers(const std::vector<std::string>& values) {
  std::vector<const char*> pointers;
  for (const std::string& value : values) pointers.push_back(value.c_str());
  return pointers;
}

}  // namespace

Hdf5Writer::Hdf5Writer() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const Handle access(Checked(H5Pcreate(H5P_FILE_ACCESS), "file", "make properties"), H5Pclose);
  Checked(H5Pset_fapl_core(access, kGrowthBytes, /*backing_store=*/false), "file",
          "set the memory driver");
  // The oldest superblock: the image of a newer one carries a checksum that H5Fget_file_image
  // leaves wrong.
  Checked(H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18), "file",
          "set the version");
  string_type_ = Checked(H5Tcopy(H5T_C_S1), "strings", "make a type");
  H5Tset_size(string_type_, H5T_VARIABLE);
  H5Tset_cset(string_type_, H5T_CSET_UTF8);
  const Handle root = Timeless(H5P_FILE_CREATE);
  file_ = H5Fcreate("tmpq-in-memory.h5", H5F_ACC_TRUNC, root, access);
  if (file_ < 0) H5Tclose(string_type_);
  Checked(file_, "file", "create it in memory");
}

Hdf5Writer::~Hdf5Writer() {
  H5Tclose(string_type_);
  H5Fclose(file_);
}

void Hdf5Writer::MakeGroup(const std::string& path) {
  const Handle properties = Timeless(H5P_GROUP_CREATE);
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string group = path.substr(0, slash);
    const htri_t exists =
        Checked(H5Lexists(file_, group.c_str(), H5P_DEFAULT), group, "look it up");
    if (exists == 0) {
      H5Gclose(Checked(H5Gcreate2(file_, group.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT),
                       group, "make the group"));
    }
    if (slash == std::string::npos) return;
  }
}

void Hdf5Writer::SetArrayAttribute(const std::string& path, const std::string& name, int64_t type,
                                   int64_t count, const void* data) {
  const auto extent = static_cast<hsize_t>(count);
  const Handle object(Checked(H5Oopen(file_, path.c_str(), H5P_DEFAULT), path, "open it"),
                      H5Oclose);
  const Handle space(
      Checked(count == kScalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &extent, nullptr),
              path, "make a dataspace"),
      H5Sclose);
  const std::string doing = "write attribute " + name;
  const Handle attribute(
      Checked(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), path, doing),
      H5Aclose);
  if (count != 0) Checked(H5Awrite(attribute, type, data), path, doing);
}

void Hdf5Writer::SetAttribute(const std::string& path, const std::string& name,
                              const std::string& value) {
  const char* text = value.c_str();
  SetArrayAttribute(path, name, string_type_, kScalar, &text);
}
void Hdf5Writer::SetAttribute(const std::string& path, const std::string& name, double value) {
  SetArrayAttribute(path, name, H5T_NATIVE_DOUBLE, kScalar, &value);
}
void Hdf5Writer::SetAttribute(const std::string& path, const std::string& name, int64_t value) {
  SetArrayAttribute(path, name, H5T_NATIVE_INT64, kScalar, &value);
}
void Hdf5Writer::SetAttribute(const std::string& path, const std::string& name,
                              const std::vector<std::string>& values) {
  SetArrayAttribute(path, name, string_type_, static_cast<int64_t>(values.size()),
                    Pointers(values).data());
}
void Hdf5Writer::SetAttribute(const std::string& path, const std::string& name,
                              const std::vector<double>& values) {
  SetArrayAttribute(path, name, H5T_NATIVE_DOUBLE, static_cast<int64_t>(values.size()),
                    values.data());
}
void Hdf5Writer::SetAttribute(const std::string& path, const std::string& name,
                              const std::vector<int64_t>& values) {
  SetArrayAttribute(path, name, H5T_NATIVE_INT64, static_cast<int64_t>(values.size()),
                    values.data());
}

void Hdf5Writer::WriteArray(const std::string& path, int64_t type,
                            const std::vector<int64_t>& shape, size_t elements, const void* data) {
  TMPQ_CHECK(shape.size() <= 2, "datasets have at most two extents");
  size_t product = 1;
  for (const int64_t extent : shape) product *= static_cast<size_t>(extent);
  TMPQ_CHECK(product == elements, "dataset " + path + ": values do not fit the shape");
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  const Handle space(Checked(shape.empty() ? H5Screate(H5S_SCALAR)
                                           : H5Screate_simple(static_cast<int>(shape.size()),
                                                              extents.data(), nullptr),
                             path, "make a dataspace"),
                     H5Sclose);
  if (path.rfind('/') > 0) MakeGroup(path.substr(0, path.rfind('/')));
  const Handle properties = Timeless(H5P_DATASET_CREATE);
  const Handle dataset(
      Checked(H5Dcreate2(file_, path.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
              path, "make the dataset"),
      H5Dclose);
  if (elements > 0) {
    Checked(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), path,
            "write the dataset");
  }
}

void Hdf5Writer::WriteNumbers(const std::string& path, int64_t type,
                              const std::vector<int64_t>& shape, size_t elements, const void* data,
                              const std::string& units) {
  WriteArray(path, type, shape, elements, data);
  SetAttribute(path, "units", units);
}

void Hdf5Writer::Write(const std::string& path, std::span<const double> values,
                       const std::vector<int64_t>& shape, const std::string& units) {
  WriteNumbers(path, H5T_NATIVE_DOUBLE, shape, values.size(), values.data(), units);
}
void Hdf5Writer::Write(const std::string& path, std::span<const int64_t> values,
                       const std::vector<int64_t>& shape, const std::string& units) {
  WriteNumbers(path, H5T_NATIVE_INT64, shape, values.size(), values.data(), units);
}
void Hdf5Writer::Write(const std::string& path, std::span<const int32_t> values,
                       const std::vector<int64_t>& shape, const std::string& units) {
  WriteNumbers(path, H5T_NATIVE_INT32, shape, values.size(), values.data(), units);
}
void Hdf5Writer::Write(const std::string& path, std::span<const uint8_t> values,
                       const std::vector<int64_t>& shape, const std::string& units) {
  WriteNumbers(path, H5T_NATIVE_UINT8, shape, values.size(), values.data(), units);
}

void Hdf5Writer::Write(const std::string& path, const std::vector<std::string>& values) {
  WriteArray(path, string_type_, {static_cast<int64_t>(values.size())}, values.size(),
             Pointers(values).data());
}

void Hdf5Writer::WriteText(const std::string& path, const std::string& text) {
  const char* pointer = text.c_str();
  WriteArray(path, string_type_, {}, 1, &pointer);
}

std::string Hdf5Writer::Serialize() const {
  Checked(H5Fflush(file_, H5F_SCOPE_GLOBAL), "file", "flush it");
  const ssize_t size = Checked(H5Fget_file_image(file_, nullptr, 0), "file", "measure it");
  std::string bytes(static_cast<size_t>(size), '\0');
  Checked(H5Fget_file_image(file_, bytes.data(), bytes.size()), "file", "copy it");
  return bytes;
}

}  // namespace tmpq
