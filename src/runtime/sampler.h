// Diffusion sampling on the runtime: from counter-based noise to images, the same bytes for any
// batch size and any number of threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "src/core/progress.h"
#include "src/core/random.h"
#include "src/plan/timesteps.h"
#include "src/runtime/network.h"
#include "src/schedule/noise_schedule.h"
#include "src/schedule/sampler.h"
#include "src/schedule/solver.h"

namespace tmpq {

// A condition in floats, such as an encoded prompt or its mask.
struct ConditionTensor {
  std::vector<float> values;      // (rows, elements of the network's input)
  std::vector<float> null_value;  // (elements), what guidance guides away from
};

// What samples are conditioned on: rows of `width` integers (a label; the tokens of a caption)
// and of float tensors by input name, taken in turn: sample i has row i % rows.
struct ConditionList {
  int64_t width = 0;  // 0: the network takes no integers
  std::vector<int32_t> values;
  std::map<std::string, ConditionTensor> tensors;

  int64_t rows() const;
  const int32_t* row(int64_t sample) const { return values.data() + sample % rows() * width; }
};

// The inputs of a denoiser that are conditions in floats: all but sample, timestep and those that
// an embedding reads.
std::vector<const Node*> FloatConditions(const Graph& graph);

// Which samples to draw: sample i has noise (seed, purpose, i) and condition row i.
struct SampleRequest {
  uint64_t seed = 0;
  RandomPurpose purpose = RandomPurpose::kSampleNoise;
  int64_t first = 0, count = 0;
  ConditionList conditions;
};

// What to run: one active policy per distinct policy and timestep range, and which one each step
// uses.
struct SamplingRun {
  TimestepSequence timesteps;
  std::vector<ActivePolicy> policies;
  std::vector<int> policy_of_step;
  std::vector<ActivePolicy> null_policies = {};  // of the unconditional branch where it differs
};

// Sees the inputs of layers: `x` of `batch` samples, the first of which is number `first`; `branch`
// 1: of guidance's unconditional branch.
using SamplingObserver = std::function<void(int step, int timestep, int branch, int64_t first,
                                            int64_t batch, NodeId id, const float* x)>;

// Samples between two network calls: all that the calls to come depend on, beside the run.
struct SamplerState {
  std::vector<float> samples, accepted;  // x and y of src/schedule/solver.h: (count, elements)
  // m0, m1, .., likewise; it and `accepted` are empty where no call looks back.
  std::vector<std::vector<float>> history;
};

// Sees the inputs of network calls: of `count` samples, the first of which is number `first`; of
// both branches of guidance, the unconditional one behind, where inputs.batch is 2 count.
using CallObserver = std::function<void(int step, int timestep, int64_t first, int64_t count,
                                        const NetworkInputs& inputs)>;

// Calls [first_call, end_call) of a chunk of samples, with what is between them.
struct SamplingLoop {
  const SamplingRun& run;
  const std::vector<SolverCall>& calls;
  int first_call, end_call;
  const SamplerSettings& settings;
  // Of the first call: of both branches of guidance, the unconditional one behind, where its batch
  // is 2 count.
  const NetworkInputs& inputs;
  int64_t count;  // samples
  // Of the noise: the first sample is number `first` of the request.
  uint64_t seed;
  RandomPurpose purpose;
  int64_t first;
};

// The stream of call `index`'s noise for sample `sample` of a request; the next sample's is the
// next. Beyond those of the samples' first noise.
inline uint64_t NoiseStream(int64_t sample, int64_t index) {
  return static_cast<uint64_t>(sample) + (static_cast<uint64_t>(index + 1) << 40);
}

// What runs network calls in the network's place: a device's executor.
struct NetworkCall {
  std::function<void(const ActivePolicy& policy, const NetworkInputs& inputs, float* output)> call;
  // Where it is given, whole loops, so that nothing waits between calls: x (count, sample), which
  // the loop's inputs hold too, becomes what it is after the last call. From the first call on, or
  // where no call looks back.
  std::function<void(const SamplingLoop& loop, float* x)> loop = {};

  explicit operator bool() const { return static_cast<bool>(call); }
};

struct SamplerOptions {
  int64_t batch = 8;                               // samples per network call
  int threads = 0;                                 // 0: as many as OpenMP has
  const std::atomic<bool>* interrupted = nullptr;  // polled; sampling then throws kInterrupted
  Progress* progress = nullptr;                    // Update(samples done), from the calling thread
  // (steps, count, sample): receives every step's sample, as it is after the step.
  std::vector<float>* trajectory = nullptr;
  // Only calls first_call .. end_call - 1 (-1: to the end), from `start` instead of from noise
  // where it is given: what Sample returned in `states` before that call, of the same request. The
  // bytes are those of a whole run. The result is the samples as they are then.
  int first_call = 0, end_call = -1;
  const SamplerState* start = nullptr;
  // By call: receives the state before each call that is a key; the number of calls is the end.
  std::map<int, SamplerState>* states = nullptr;
  // Tests: called before each network call of a chunk with (step, training timestep, policy index).
  std::function<void(int, int, int)> spy;
  NetworkCall network_call = {};    // from the calling thread only; observers see nothing of it
  SamplingObserver observer = {};   // called from all threads
  CallObserver call_observer = {};  // likewise
};

// Const-safe; `network` outlives it.
class DiffusionSampler {
 public:
  // `schedule` and `settings` as in the model's file. Conditions are all inputs but sample and
  // timestep: one that an embedding reads is a scalar label, whose table's last row is guidance's
  // null label, or tokens, whose null is all zeros; others are float tensors. A label of one row is
  // no condition: it is 0. The output has the sample's channels, or twice as many where the second
  // half is a learned variance. Throws kInput where the network is no denoiser.
  DiffusionSampler(const RuntimeNetwork& network, NoiseSchedule schedule, SamplerSettings settings);

  int64_t condition_width() const { return condition_width_; }
  // All labels in turn, for networks with a label; empty for others.
  ConditionList AllLabels() const;
  // Throws kUsage unless `conditions` fits the network.
  void CheckConditions(const ConditionList& conditions) const;
  // Whether it has conditions in floats.
  bool takes_tensors() const { return !tensor_elements_.empty(); }
  int calls_per_step() const { return settings_.calls_per_step(); }
  const SamplerSettings& settings() const { return settings_; }
  const NoiseSchedule& schedule() const { return schedule_; }
  const RuntimeNetwork& network() const { return *network_; }
  int64_t sample_elements() const { return elements_; }
  const Shape& sample_shape() const;

  // Binds a candidate's policies.
  SamplingRun Prepare(const Candidate& candidate, const QuantTable* table) const;
  SamplingRun PrepareFloat(const TimestepSequence& timesteps) const;

  // (count, sample shape) final samples.
  std::vector<float> Sample(const SamplingRun& run, const SampleRequest& request,
                            const SamplerOptions& options) const;

 private:
  struct Scratch;
  void SampleChunk(const SamplingRun& run, const std::vector<SolverCall>& calls,
                   const SampleRequest& request, int64_t begin, int64_t count, float* out,
                   Scratch& scratch, const SamplerOptions& options) const;
  // The samples from `begin` on of a state of all.
  static void LoadState(const SamplerState& state, int64_t begin, int64_t count, Scratch& scratch);
  static void SaveState(SamplerState& state, int64_t begin, int64_t count, const Scratch& scratch);
  static void Advance(const SolverCall& call, const SampleRequest& request, int64_t begin,
                      int64_t count, int64_t index, Scratch& scratch);
  static void AddNoise(const SolverCall& call, const SampleRequest& request, int64_t begin,
                       int64_t count, int64_t index, Scratch& scratch);
  void PlaceConditions(const ConditionList& conditions, int64_t first, int64_t count,
                       Scratch& scratch) const;
  // A chunk by options.network_call.loop, as far as states are wanted in between; x: its samples.
  bool CanLoop(const SamplingRun& run, const SamplerOptions& options, bool simple) const;
  void RunLoop(const SamplingLoop& whole, float* x, int64_t begin, Scratch& scratch,
               const SamplerOptions& options) const;
  // One step's network calls for `count` samples, guided: both branches at once where they share a
  // policy.
  void CallNetwork(const SamplingRun& run, const SolverCall& call, int64_t first, int64_t count,
                   Scratch& scratch, const SamplerOptions& options) const;
  // Where the inputs of network calls for `count` samples lie.
  void PlaceInputs(int64_t count, Scratch& scratch) const;
  void Guide(double scale, int64_t count, Scratch& scratch) const;
  void SplitVariance(int64_t count, Scratch& scratch) const;

  const RuntimeNetwork* network_;
  NoiseSchedule schedule_;
  SamplerSettings settings_;
  std::string condition_name_;   // input; empty: none
  int64_t condition_width_ = 0;  // integers
  int32_t condition_limit_ = 0;  // legal are 0 .. limit - 1
  std::vector<int32_t> null_condition_;
  std::vector<std::string> constants_;              // labels of one row
  std::map<std::string, int64_t> tensor_elements_;  // of float conditions, by input
  int64_t elements_ = 0;                            // of a sample
  int64_t outputs_ = 0;                             // of an output: elements_, or twice as many
};

}  // namespace tmpq
