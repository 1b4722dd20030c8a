// A peer: oneDNN's u8 x s8 -> s32 matrix product with weights packed before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace tmpq {

class OneDnnMatmul {
 public:
  // a (m, k), w (k, n), row-major; both are copied. Uses OpenMP's number of threads at this time.
  OneDnnMatmul(int64_t m, int64_t k, int64_t n, const uint8_t* a, const int8_t* w);
  ~OneDnnMatmul();

  void Run();
  // (m, n)
  const int32_t* out() const;
  static std::string Version();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tmpq
