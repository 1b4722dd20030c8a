#include "src/core/tensor_file.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "src/core/error.h"
#include "src/core/json.h"

namespace tmpq {
namespace {

constexpr const char* kChecksumKey = "tmpq.checksum";
constexpr size_t kChecksumDigits = 32;
constexpr size_t kAlignment = 64;  // of the data section, so that the map's tensors are aligned
constexpr uint64_t kMaxHeaderBytes = uint64_t{100} << 20;  // the format's own limit

struct DTypeInfo {
  DType dtype;
  const char* name;
  size_t size;
};
constexpr DTypeInfo kDTypes[] = {
    {DType::kF32, "F32", 4},   {DType::kF16, "F16", 2}, {DType::kBF16, "BF16", 2},
    {DType::kF64, "F64", 8},   {DType::kI8, "I8", 1},   {DType::kU8, "U8", 1},
    {DType::kI16, "I16", 2},   {DType::kI32, "I32", 4}, {DType::kI64, "I64", 8},
    {DType::kBool, "BOOL", 1},
};

const DTypeInfo& InfoOf(DType dtype) { return kDTypes[static_cast<int>(dtype)]; }

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// Number of elements, or -1 when a dimension is negative or the product overflows.
int64_t CheckedProduct(const std::vector<int64_t>& shape) {
  int64_t product = 1;
  for (const int64_t size : shape) {
    if (size < 0 || (size > 0 && product > std::numeric_limits<int64_t>::max() / 16 / size))
      return -1;
    product *= size;
  }
  return product;
}

// Where the checksum's digits stand in the file's bytes, or npos.
size_t FindChecksumDigits(std::string_view header) {
  const std::string key = std::string("\"") + kChecksumKey + "\":\"";
  const size_t at = header.find(key);
  return at == std::string_view::npos ? at : at + key.size();
}

Hash128 HashWithoutDigits(std::span<const std::byte> bytes, size_t digits_at) {
  const std::string zeros(kChecksumDigits, '0');
  Hasher hasher;
  hasher.Update(bytes.first(digits_at));
  hasher.Update(std::as_bytes(std::span(zeros)));
  hasher.Update(bytes.subspan(digits_at + kChecksumDigits));
  return hasher.Finish();
}

TensorView ParseEntry(const std::string& where, const Json& entry,
                      std::span<const std::byte> data) {
  TensorView view;
  const auto dtype_name = JsonGet<std::string>(entry, "dtype", where);
  const auto* info = std::find_if(std::begin(kDTypes), std::end(kDTypes),
                                  [&](const DTypeInfo& i) { return dtype_name == i.name; });
  if (info == std::end(kDTypes)) {
    throw Error(ErrorCode::kInput, where, "dtype " + dtype_name + " is not supported");
  }
  view.dtype = info->dtype;
  view.shape = JsonGet<std::vector<int64_t>>(entry, "shape", where);
  const auto offsets = JsonGet<std::vector<uint64_t>>(entry, "data_offsets", where);
  const int64_t elements = CheckedProduct(view.shape);
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data.size() || elements < 0 ||
      offsets[1] - offsets[0] != static_cast<uint64_t>(elements) * info->size) {
    throw Error(ErrorCode::kCorrupt, where, "offsets do not fit the shape or the file");
  }
  view.data = data.subspan(offsets[0], offsets[1] - offsets[0]);
  return view;
}

}  // namespace

size_t SizeOf(DType dtype) { return InfoOf(dtype).size; }
const char* NameOf(DType dtype) { return InfoOf(dtype).name; }

int64_t TensorView::elements() const { return CheckedProduct(shape); }

TensorFile::TensorFile(const std::filesystem::path& path, Checksum checksum)
    : path_(path), file_(path) {
  const std::string where = path.string();
  const std::span<const std::byte> bytes = file_.bytes();
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof(header_bytes)) {
    throw Error(ErrorCode::kCorrupt, where, "is too short for a safetensors file");
  }
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - sizeof(header_bytes)) {
    throw Error(ErrorCode::kCorrupt, where, "is truncated, or not a safetensors file");
  }
  const std::string header(reinterpret_cast<const char*>(bytes.data()) + sizeof(header_bytes),
                           header_bytes);
  const size_t digits = FindChecksumDigits(header);
  const bool has_checksum =
      digits != std::string::npos && digits + kChecksumDigits <= header.size();
  if (has_checksum) {
    hash_ = HashWithoutDigits(bytes, sizeof(header_bytes) + digits);
    if (header.compare(digits, kChecksumDigits, hash_.Hex()) != 0) {
      throw Error(ErrorCode::kCorrupt, where, "checksum does not match: the file is damaged",
                  "copy or make it again");
    }
  } else if (checksum == Checksum::kRequired) {
    throw Error(ErrorCode::kCorrupt, where, "carries no tmpq checksum",
                "it was not written by tmpq, or is damaged");
  } else {
    hash_ = HashBytes(bytes);
  }
  const Json json = ParseJson(header, where);
  if (!json.is_object()) throw Error(ErrorCode::kInput, where, "header is not a JSON object");
  const auto data = bytes.subspan(sizeof(header_bytes) + header_bytes);
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") {
      for (const auto& [key, value] : entry.items()) {
        if (value.is_string()) metadata_[key] = value.get<std::string>();
      }
    } else {
      tensors_[name] = ParseEntry(where + ": tensor " + name, entry, data);
    }
  }
}

const TensorView& TensorFile::Get(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw Error(ErrorCode::kInput, path_.string(), "has no tensor \"" + name + "\"");
  }
  return found->second;
}

const std::string& TensorFile::Metadata(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) {
    throw Error(ErrorCode::kInput, path_.string(), "has no metadata \"" + key + "\"");
  }
  return found->second;
}

const TensorView& TensorFile::GetChecked(const std::string& name, DType dtype,
                                         const std::vector<int64_t>& shape) const {
  const TensorView& view = Get(name);
  if (view.dtype != dtype || (!shape.empty() && view.shape != shape)) {
    throw Error(
        ErrorCode::kInput, path_.string() + ": tensor " + name,
        std::string("is ") + NameOf(view.dtype) + " " + ShapeText(view.shape),
        std::string("expected ") + NameOf(dtype) + (shape.empty() ? "" : " " + ShapeText(shape)));
  }
  return view;
}

namespace {
template <typename T>
std::span<const T> As(const TensorView& view) {
  return {reinterpret_cast<const T*>(view.data.data()), view.data.size() / sizeof(T)};
}
}  // namespace

std::span<const float> TensorFile::Floats(const std::string& name,
                                          const std::vector<int64_t>& shape) const {
  return As<float>(GetChecked(name, DType::kF32, shape));
}
std::span<const int16_t> TensorFile::Int16s(const std::string& name,
                                            const std::vector<int64_t>& shape) const {
  return As<int16_t>(GetChecked(name, DType::kI16, shape));
}
std::span<const int32_t> TensorFile::Int32s(const std::string& name,
                                            const std::vector<int64_t>& shape) const {
  return As<int32_t>(GetChecked(name, DType::kI32, shape));
}
std::span<const uint8_t> TensorFile::Bytes(const std::string& name,
                                           const std::vector<int64_t>& shape) const {
  return As<uint8_t>(GetChecked(name, DType::kU8, shape));
}
std::span<const double> TensorFile::Doubles(const std::string& name,
                                            const std::vector<int64_t>& shape) const {
  return As<double>(GetChecked(name, DType::kF64, shape));
}

void TensorFileWriter::SetMetadata(const std::string& key, const std::string& value) {
  metadata_[key] = value;
}

void TensorFileWriter::Add(const std::string& name, DType dtype, std::vector<int64_t> shape,
                           std::span<const std::byte> data) {
  const int64_t elements = CheckedProduct(shape);
  TMPQ_CHECK(elements >= 0 && data.size() == static_cast<size_t>(elements) * SizeOf(dtype),
             "tensor " + name + ": data does not fit its shape");
  TMPQ_CHECK(entries_.count(name) == 0, "tensor " + name + " added twice");
  entries_[name] = {dtype, std::move(shape), {data.begin(), data.end()}};
}

void TensorFileWriter::AddFloats(const std::string& name, std::vector<int64_t> shape,
                                 std::span<const float> data) {
  Add(name, DType::kF32, std::move(shape), std::as_bytes(data));
}
void TensorFileWriter::AddInt16s(const std::string& name, std::vector<int64_t> shape,
                                 std::span<const int16_t> data) {
  Add(name, DType::kI16, std::move(shape), std::as_bytes(data));
}
void TensorFileWriter::AddInt32s(const std::string& name, std::vector<int64_t> shape,
                                 std::span<const int32_t> data) {
  Add(name, DType::kI32, std::move(shape), std::as_bytes(data));
}
void TensorFileWriter::AddBytes(const std::string& name, std::vector<int64_t> shape,
                                std::span<const uint8_t> data) {
  Add(name, DType::kU8, std::move(shape), std::as_bytes(data));
}
void TensorFileWriter::AddDoubles(const std::string& name, std::vector<int64_t> shape,
                                  std::span<const double> data) {
  Add(name, DType::kF64, std::move(shape), std::as_bytes(data));
}

std::string TensorFileWriter::Serialize() const {
  Json header = Json::object();
  Json metadata = Json::object();
  for (const auto& [key, value] : metadata_) metadata[key] = value;
  metadata[kChecksumKey] = std::string(kChecksumDigits, '0');
  header["__metadata__"] = metadata;
  // The format wants data without gaps: widest elements first keeps every tensor aligned to its
  // element.
  std::vector<const std::pair<const std::string, Entry>*> order;
  for (const auto& named : entries_) order.push_back(&named);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return SizeOf(a->second.dtype) > SizeOf(b->second.dtype);
  });
  size_t offset = 0;
  std::string data;
  for (const auto* named : order) {
    const auto& [name, entry] = *named;
    header[name] = {{"dtype", NameOf(entry.dtype)},
                    {"shape", entry.shape},
                    {"data_offsets", {offset, offset + entry.data.size()}}};
    data.append(reinterpret_cast<const char*>(entry.data.data()), entry.data.size());
    offset += entry.data.size();
  }
  std::string text = header.dump();
  text.append((kAlignment - (text.size() + sizeof(uint64_t)) % kAlignment) % kAlignment, ' ');
  const uint64_t header_bytes = text.size();
  std::string file(reinterpret_cast<const char*>(&header_bytes), sizeof(header_bytes));
  file += text;
  file += data;
  const size_t digits = sizeof(header_bytes) + FindChecksumDigits(text);
  file.replace(digits, kChecksumDigits,
               HashWithoutDigits(std::as_bytes(std::span(file)), digits).Hex());
  return file;
}

void TensorFileWriter::Write(const std::filesystem::path& path) const {
  WriteFileAtomically(path, Serialize());
}

}  // namespace tmpq
