#include "bench/onednn_matmul.h"

#include <cstring>
#include <dnnl.hpp>
#include <vector>

namespace tmpq {

struct OneDnnMatmul::State {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::memory a, w, out;
  dnnl::matmul matmul;
};

OneDnnMatmul::OneDnnMatmul(int64_t m, int64_t k, int64_t n, const uint8_t* a, const int8_t* w)
    : state_(std::make_unique<State>()) {
  using dnnl::memory;
  State& s = *state_;
  const memory::desc a_desc({m, k}, memory::data_type::u8, memory::format_tag::ab);
  const memory::desc w_desc({k, n}, memory::data_type::s8, memory::format_tag::ab);
  const memory::desc any({k, n}, memory::data_type::s8, memory::format_tag::any);
  const memory::desc out_desc({m, n}, memory::data_type::s32, memory::format_tag::ab);
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a_desc, any, out_desc),
                                                 s.engine);
  s.a = memory(a_desc, s.engine), s.out = memory(out_desc, s.engine);
  s.w = memory(description.weights_desc(), s.engine);
  std::memcpy(s.a.get_data_handle(), a, m * k);
  memory plain(w_desc, s.engine, const_cast<int8_t*>(w));
  dnnl::reorder(plain, s.w).execute(s.stream, plain, s.w);
  s.stream.wait();
  s.matmul = dnnl::matmul(description);
}

OneDnnMatmul::~OneDnnMatmul() = default;

void OneDnnMatmul::Run() {
  State& s = *state_;
  s.matmul.execute(s.stream, {{DNNL_ARG_SRC, s.a}, {DNNL_ARG_WEIGHTS, s.w}, {DNNL_ARG_DST, s.out}});
  s.stream.wait();
}

const int32_t* OneDnnMatmul::out() const {
  return static_cast<const int32_t*>(state_->out.get_data_handle());
}

std::string OneDnnMatmul::Version() {
  const dnnl_version_t* version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
}

}  // namespace tmpq
