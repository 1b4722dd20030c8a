#include "src/eval/results/hdf5_reader.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/eval/results/hdf5_handle.h"

namespace tmpq {
namespace {

// What is missing or of another type is the file's fault, not the system's.
template <typename T>
T Found(T result, const std::string& where, const std::string& what) {
  if (result >= 0) return result;
  throw Error(ErrorCode::kInput, where, what);
}

Handle StringType() {
  const hid_t type = Checked(H5Tcopy(H5T_C_S1), "strings", "make a type");
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return {type, H5Tclose};
}

Handle OpenObject(hid_t file, const std::string& path, const std::string& where) {
  return {Found(H5Oopen(file, path.c_str(), H5P_DEFAULT), where, "has no " + path), H5Oclose};
}

Handle OpenDataset(hid_t file, const std::string& path, const std::string& where) {
  return {Found(H5Dopen2(file, path.c_str(), H5P_DEFAULT), where, "has no dataset " + path),
          H5Dclose};
}

// Number of elements; nothing that Hdf5Writer wrote has more of them than the file has bytes, so a
// damaged length is found before it is allocated.
size_t CountOf(hid_t object, hid_t space, const std::string& where, const std::string& path) {
  const Handle file(Found(H5Iget_file_id(object), where, "has no " + path), H5Fclose);
  hsize_t bytes = 0;
  Found(H5Fget_filesize(file, &bytes), where, "has no size");
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count < 0 || static_cast<hsize_t>(count) > bytes) {
    throw Error(ErrorCode::kInput, where, path + " claims more values than there are bytes");
  }
  return static_cast<size_t>(count);
}

void CheckClass(hid_t type, H5T_class_t expected, const std::string& where,
                const std::string& path) {
  if (H5Tget_class(type) == expected) return;
  throw Error(ErrorCode::kInput, where, path + " is of another type");
}

template <typename T>
std::vector<T> ReadNumbers(hid_t file, const std::string& path, H5T_class_t expected, hid_t type,
                           const std::string& where) {
  const Handle dataset = OpenDataset(file, path, where);
  const Handle stored(H5Dget_type(dataset), H5Tclose), space(H5Dget_space(dataset), H5Sclose);
  CheckClass(stored, expected, where, path);
  std::vector<T> values(CountOf(dataset, space, where, path));
  if (!values.empty()) {
    Found(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), where,
          "cannot be read at " + path);
  }
  return values;
}

// Copies variable-length strings and gives them back to HDF5.
std::vector<std::string> Take(std::vector<char*> pointers, hid_t type, hid_t space) {
  std::vector<std::string> values;
  for (const char* pointer : pointers) values.emplace_back(pointer == nullptr ? "" : pointer);
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
  return values;
}

std::string AttributeName(const std::string& path, const std::string& name) {
  return "attribute " + name + " of " + path;
}

Handle OpenAttribute(hid_t object, const std::string& path, const std::string& name,
                     const std::string& where) {
  return {Found(H5Aopen(object, name.c_str(), H5P_DEFAULT), where,
                "has no " + AttributeName(path, name)),
          H5Aclose};
}

template <typename T>
std::vector<T> ReadAttribute(hid_t file, const std::string& path, const std::string& name,
                             H5T_class_t expected, hid_t type, const std::string& where) {
  const Handle object = OpenObject(file, path, where);
  const Handle attribute = OpenAttribute(object, path, name, where);
  const Handle stored(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  CheckClass(stored, expected, where, AttributeName(path, name));
  std::vector<T> values(CountOf(attribute, space, where, AttributeName(path, name)));
  if (!values.empty()) {
    Found(H5Aread(attribute, type, values.data()), where,
          "cannot be read at " + AttributeName(path, name));
  }
  return values;
}

template <typename T>
T Single(std::vector<T> values, const std::string& where, const std::string& path,
         const std::string& name) {
  if (values.size() == 1) return std::move(values[0]);
  throw Error(ErrorCode::kInput, where, AttributeName(path, name) + " is no single value");
}

}  // namespace

Hdf5Reader::Hdf5Reader(const std::filesystem::path& path) : where_(path.string()) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const MappedFile exists(path);  // its own message where there is none
  file_ = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file_ < 0) {
    throw Error(ErrorCode::kInput, where_, "is no HDF5 file: " + LastHdf5Message());
  }
}

Hdf5Reader::~Hdf5Reader() { H5Fclose(file_); }

bool Hdf5Reader::Has(const std::string& path) const {
  return H5Lexists(file_, path.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> Hdf5Reader::Members(const std::string& group) const {
  const Handle object = OpenObject(file_, group, where_);
  std::vector<std::string> names;
  Found(H5Literate(
            object, H5_INDEX_NAME, H5_ITER_INC, nullptr,
            [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
              static_cast<std::vector<std::string>*>(out)->emplace_back(name);
              return 0;
            },
            &names),
        where_, group + " is no group");
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Hdf5Reader::AttributesOf(const std::string& path) const {
  const Handle object = OpenObject(file_, path, where_);
  std::vector<std::string> names;
  Found(H5Aiterate2(
            object, H5_INDEX_NAME, H5_ITER_INC, nullptr,
            [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
              static_cast<std::vector<std::string>*>(out)->emplace_back(name);
              return 0;
            },
            &names),
        where_, path + " has no attributes");
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<double> Hdf5Reader::Doubles(const std::string& path) const {
  return ReadNumbers<double>(file_, path, H5T_FLOAT, H5T_NATIVE_DOUBLE, where_);
}

std::vector<int64_t> Hdf5Reader::Integers(const std::string& path) const {
  return ReadNumbers<int64_t>(file_, path, H5T_INTEGER, H5T_NATIVE_INT64, where_);
}

std::vector<std::string> Hdf5Reader::Strings(const std::string& path) const {
  const Handle dataset = OpenDataset(file_, path, where_);
  const Handle stored(H5Dget_type(dataset), H5Tclose), space(H5Dget_space(dataset), H5Sclose);
  CheckClass(stored, H5T_STRING, where_, path);
  if (H5Tis_variable_str(stored) <= 0) {
    throw Error(ErrorCode::kInput, where_, path + " has strings of fixed length");
  }
  const Handle type = StringType();
  std::vector<char*> pointers(CountOf(dataset, space, where_, path), nullptr);
  if (pointers.empty()) return {};
  Found(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()), where_,
        "cannot be read at " + path);
  return Take(std::move(pointers), type, space);
}

std::string Hdf5Reader::Text(const std::string& path, const std::string& name) const {
  return Single(Texts(path, name), where_, path, name);
}

int64_t Hdf5Reader::Number(const std::string& path, const std::string& name) const {
  return Single(ReadAttribute<int64_t>(file_, path, name, H5T_INTEGER, H5T_NATIVE_INT64, where_),
                where_, path, name);
}

double Hdf5Reader::Real(const std::string& path, const std::string& name) const {
  return Single(Reals(path, name), where_, path, name);
}

std::vector<double> Hdf5Reader::Reals(const std::string& path, const std::string& name) const {
  return ReadAttribute<double>(file_, path, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, where_);
}

std::vector<std::string> Hdf5Reader::Texts(const std::string& path, const std::string& name) const {
  const Handle object = OpenObject(file_, path, where_);
  const Handle attribute = OpenAttribute(object, path, name, where_);
  const Handle stored(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  const std::string called = AttributeName(path, name);
  CheckClass(stored, H5T_STRING, where_, called);
  if (H5Tis_variable_str(stored) <= 0) {
    throw Error(ErrorCode::kInput, where_, called + " has strings of fixed length");
  }
  const Handle type = StringType();
  std::vector<char*> pointers(CountOf(attribute, space, where_, called), nullptr);
  if (pointers.empty()) return {};
  Found(H5Aread(attribute, type, pointers.data()), where_, "cannot be read at " + called);
  return Take(std::move(pointers), type, space);
}

}  // namespace tmpq
