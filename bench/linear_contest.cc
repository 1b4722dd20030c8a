#include "bench/linear_contest.h"

#include <omp.h>

#include <cmath>
#include <cstring>
#include <memory>

#include "bench/onednn_matmul.h"
#include "bench/peak.h"
#include "kernels/include/kernels.h"
#include "src/core/error.h"
#include "src/quant/weight_quantizer.h"
#ifdef TMPQ_WITH_TORCH
#include "bench/torch_int8.h"
#include "bench/torch_linear.h"
#endif

namespace tmpq {
namespace {

// A linear on the kernels; threads split its rows, as samples do in the runtime.
class KernelLinear {
 public:
  KernelLinear(const LinearCase& of, int weight_bits, int threads) : case_(&of), threads_(threads) {
    const auto [m, k, n] = of.shape;
    weights_ = QuantizeWeights("layer", of.w, n, k, BitWidth::Of(weight_bits));
    packed_ = Pack(weights_);
    panels_.assign(packed_.data.begin(), packed_.data.end());
    q_.resize(m * kernels::RoundUp(k, 4)), scale_.resize(m), out_.resize(m * n),
        sums_.resize(m * n);
    scratch_.resize(threads);
    for (auto& scratch : scratch_) scratch.resize(kernels::LinearIntScratchBytes(n, k));
  }

  // From float to float.
  void Run() { Split(kernels::BestKernels(), case_->shape.m, true, false); }
  // Of integers that are there, to int32.
  void RunProduct() { Split(kernels::BestKernels(), case_->shape.m, false, true); }

  // The first rows' outputs have the reference's bytes, and are near to the float product.
  void Check(double most_error) {
    const int64_t rows = std::min(kCheckedRows, case_->shape.m), count = rows * case_->shape.n;
    Run();
    const std::vector<float> fast(out_.begin(), out_.begin() + count);
    Split(kernels::ReferenceKernels(), rows, true, false);
    TMPQ_CHECK(std::memcmp(fast.data(), out_.data(), count * sizeof(float)) == 0,
               "linear differs from the reference kernels");
    CheckNear(*case_, out_.data(), most_error, "tmpq");
  }

  static void CheckNear(const LinearCase& of, const float* out, double most_error,
                        const std::string& name) {
    const auto [m, k, n] = of.shape;
    double difference = 0, size = 0;
    for (int64_t i = 0; i < std::min(kCheckedRows, m) * n; ++i) {
      const float *x = of.x.data() + i / n * k, *w = of.w.data() + i % n * k;
      double exact = of.bias[i % n];
      for (int64_t c = 0; c < k; ++c) exact += static_cast<double>(x[c]) * w[c];
      difference += std::pow(out[i] - exact, 2), size += std::pow(exact, 2);
    }
    TMPQ_CHECK(
        difference <= most_error * most_error * size,
        name + " is off the float product by " + std::to_string(std::sqrt(difference / size)));
  }

  // Of the last run.
  const std::vector<int8_t>& q() const { return q_; }
  const std::vector<int32_t>& sums() const { return sums_; }
  const QuantizedWeights& weights() const { return weights_; }

 private:
  void Split(const kernels::KernelSet& set, int64_t rows, bool quantize, bool product) {
#pragma omp parallel num_threads(threads_)
    {
      const int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
      const int64_t first = rows * thread / threads, end = rows * (thread + 1) / threads;
      RunRows(set, first, end - first, quantize, product, scratch_[thread].data());
    }
  }

  void RunRows(const kernels::KernelSet& set, int64_t first, int64_t rows, bool quantize,
               bool product, uint8_t* scratch) {
    const auto [m, k, n] = case_->shape;
    int8_t* q = q_.data() + first * kernels::RoundUp(k, 4);
    if (quantize) {
      kernels::QuantizeRowsArgs args;
      args.x = case_->x.data() + first * k, args.rows = rows, args.cols = args.x_stride = k;
      args.q = q, args.scale = scale_.data() + first;
      set.quantize_rows(args);
    }
    kernels::LinearIntArgs args;
    args.m = rows, args.n = n, args.k = k, args.a = q, args.a_scale = scale_.data() + first;
    args.weights = panels_.data(), args.bits = packed_.bits, args.w_scale = packed_.scale.data();
    args.bias = case_->bias.data(), args.out = out_.data() + first * n, args.out_stride = n;
    args.scratch = scratch;
    if (product) args.sums = sums_.data() + first * n;
    set.linear_int(args);
  }

  const LinearCase* case_;
  int threads_;
  QuantizedWeights weights_;
  PackedWeights packed_;
  AlignedVector<uint8_t> panels_;
  std::vector<int8_t> q_;
  std::vector<int32_t> sums_;
  std::vector<float> scale_;
  AlignedVector<float> out_;
  std::vector<AlignedVector<uint8_t>> scratch_;
};

// oneDNN on the same integers, activations shifted by 128.
std::unique_ptr<OneDnnMatmul> MakeOneDnn(const LinearShape& shape, KernelLinear& linear) {
  const auto [m, k, n] = shape;
  const int64_t stride = kernels::RoundUp(k, 4);
  std::vector<uint8_t> a(m * k);
  std::vector<int8_t> w(k * n);
  std::vector<int32_t> shift(n, 0);
  for (int64_t i = 0; i < m * k; ++i) {
    a[i] = static_cast<uint8_t>(linear.q()[i / k * stride + i % k] + 128);
  }
  for (int64_t i = 0; i < k * n; ++i) {
    w[i] = linear.weights().q[i % n * k + i / n];
    shift[i % n] += 128 * w[i];
  }
  auto matmul = std::make_unique<OneDnnMatmul>(m, k, n, a.data(), w.data());
  matmul->Run();
  linear.RunProduct();
  for (int64_t i = 0; i < m * n; ++i) {
    TMPQ_CHECK(matmul->out()[i] - shift[i % n] == linear.sums()[i],
               "product differs from oneDNN's");
  }
  return matmul;
}

}  // namespace

Json RunLinearContest(const LinearShape& shape, int threads, const ContestSettings& settings) {
  [[maybe_unused]] constexpr double kErrorAtEightBits = 0.02, kErrorAtFourBits = 0.2,
                                    kErrorOfFloat = 1e-4;
  omp_set_num_threads(threads);
  const LinearCase of(shape);
  KernelLinear eight(of, 8, threads), four(of, 4, threads);
  eight.Check(kErrorAtEightBits), four.Check(kErrorAtFourBits);
  eight.Run(), four.Run();
  const auto onednn = MakeOneDnn(shape, eight);
  std::vector<Contestant> contestants = {{"tmpq w8a8", [&] { eight.Run(); }},
                                         {"tmpq w4a8", [&] { four.Run(); }},
                                         {"tmpq w8a8 product", [&] { eight.RunProduct(); }},
                                         {"tmpq w4a8 product", [&] { four.RunProduct(); }},
                                         {"oneDNN u8s8 product", [&] { onednn->Run(); }}};
#ifdef TMPQ_WITH_TORCH
  SetTorchThreads(threads);
  std::vector<std::string> engines = TorchInt8Engines();
  engines.insert(engines.begin(), "float32");
  std::vector<std::unique_ptr<TorchLinear>> peers;
  for (const std::string& engine : engines) {
    peers.push_back(std::make_unique<TorchLinear>(of, engine));
    TorchLinear* peer = peers.back().get();
    peer->Run();
    KernelLinear::CheckNear(of, peer->out(),
                            engine == "float32" ? kErrorOfFloat : kErrorAtEightBits, engine);
    const std::string kind = engine == "float32" ? "LibTorch " : "LibTorch dynamic int8 ";
    contestants.push_back({kind + engine, [peer] { peer->Run(); }});
  }
#endif
  double peak_operations = 0;
  if (HasDotProduct()) {
    contestants.push_back({"peak", [&] { peak_operations = RunDotProducts(threads); }});
  }
  const std::vector<Timing> timings = RunContest(contestants, settings);
  // Giga-operations per second of the median and of the fastest repetition.
  const auto speeds = [](double operations, const Timing& timing) {
    return Json{{"median", operations / timing.median / 1e9},
                {"fastest", operations / timing.least / 1e9}};
  };
  const Json peak = HasDotProduct() ? speeds(peak_operations, timings.back()) : Json();
  Json results = Json::array();
  for (size_t i = 0; i < contestants.size(); ++i) {
    const std::string& name = contestants[i].name;
    if (name == "peak") continue;
    const Json gops = speeds(shape.operations(), timings[i]);
    Json of_peak;
    for (const char* which : {"median", "fastest"}) {
      if (!peak.is_null()) of_peak[which] = gops[which].get<double>() / peak[which].get<double>();
    }
    results.push_back({{"name", name},
                       {"kind", name.ends_with("product") ? "product" : "linear"},
                       {"microseconds", ToJson(timings[i])},
                       {"gops", gops},
                       {"share_of_peak", of_peak}});
  }
  return {{"m", shape.m},       {"k", shape.k},      {"n", shape.n},
          {"threads", threads}, {"peak_gops", peak}, {"results", results}};
}

}  // namespace tmpq
