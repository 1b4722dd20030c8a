// Owned handles of the HDF5 C API, and its errors as ours. For hdf5_*.cc only.
#pragma once

#include <hdf5.h>

#include <string>

#include "src/core/error.h"

namespace tmpq {

// What HDF5 says went wrong: the innermost message of its error stack.
inline std::string LastHdf5Message() {
  std::string message;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned depth, const H5E_error2_t* error, void* text) -> herr_t {
        if (depth == 0 && error->desc != nullptr) *static_cast<std::string*>(text) = error->desc;
        return 0;
      },
      &message);
  return message.empty() ? "unknown error" : message;
}

template <typename T>
T Checked(T result, const std::string& where, const std::string& doing) {
  if (result >= 0) return result;
  throw Error(ErrorCode::kIo, "HDF5 " + where, "cannot " + doing + ": " + LastHdf5Message());
}

// An owned handle.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() { close_(id_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }  // NOLINT: a handle is what the C API takes

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

}  // namespace tmpq
