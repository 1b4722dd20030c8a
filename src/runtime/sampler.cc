#include "src/runtime/sampler.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/include/numerics.h"
#include "src/core/error.h"

namespace tmpq {

// One thread's memory. `samples` holds the chunk twice when guidance needs two calls per sample.
struct DiffusionSampler::Scratch {
  Workspace workspace;
  int64_t capacity = 0;  // samples
  bool simple = false;   // no call looks back: nothing is kept
  AlignedVector<float> samples, outputs, timesteps;
  std::vector<float> variances;             // the outputs' second half, with a learned variance
  std::vector<float> accepted;              // y of src/schedule/solver.h
  std::vector<std::vector<float>> history;  // m0, m1, ..
  std::vector<int32_t> conditions, zeros;
  std::map<std::string, AlignedVector<float>> tensors;  // float conditions
};

int64_t ConditionList::rows() const {
  if (width > 0) return static_cast<int64_t>(values.size()) / width;
  if (tensors.empty()) return 0;
  const ConditionTensor& first = tensors.begin()->second;
  return static_cast<int64_t>(first.values.size() / std::max<size_t>(1, first.null_value.size()));
}

std::vector<const Node*> FloatConditions(const Graph& graph) {
  std::set<std::string> others = {"sample", "timestep"};
  for (const Node& node : graph.nodes()) {
    if (node.kind == OpKind::kLabelEmbedding) others.insert(graph.node(node.inputs[0]).name);
  }
  std::vector<const Node*> found;
  for (const Node& node : graph.nodes()) {
    if (node.kind == OpKind::kInput && others.count(node.name) == 0) found.push_back(&node);
  }
  return found;
}

DiffusionSampler::DiffusionSampler(const RuntimeNetwork& network, NoiseSchedule schedule,
                                   SamplerSettings settings)
    : network_(&network), schedule_(std::move(schedule)), settings_(std::move(settings)) {
  const Graph& graph = network.graph();
  const NodeId sample = graph.FindInput("sample");
  const auto refuse = [&](const char* what, const char* right) {
    throw Error(ErrorCode::kInput, "network " + graph.name(), what, right);
  };
  if (sample < 0 || graph.FindInput("timestep") < 0) {
    refuse("is not a denoiser", "it needs inputs sample and timestep");
  }
  const Shape& shape = graph.node(sample).shape;
  Shape doubled = shape;
  if (!doubled.empty()) doubled.back() *= 2;
  if (graph.output_shape() != shape && graph.output_shape() != doubled) {
    refuse("is not a denoiser", "it needs an output of the sample's shape, or twice its channels");
  }
  elements_ = ElementsOf(shape);
  outputs_ = ElementsOf(graph.output_shape());
  if (settings_.learned_variance && outputs_ == elements_) {
    refuse("says nothing of a variance", "its output has the sample's channels only");
  }
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kLabelEmbedding) continue;
    const Node& input = graph.node(node.inputs[0]);
    const bool label = input.shape.empty();
    if (label && node.attributes.size == 1) {
      constants_.push_back(input.name);
      continue;
    }
    if (!condition_name_.empty() && condition_name_ != input.name) {
      refuse("has two inputs of integers", "the sampler knows one");
    }
    condition_name_ = input.name;
    condition_width_ = ElementsOf(input.shape);
    condition_limit_ = static_cast<int32_t>(node.attributes.size) - (label ? 1 : 0);
    null_condition_.assign(condition_width_, label ? condition_limit_ : 0);
  }
  for (const Node* node : FloatConditions(graph)) {
    tensor_elements_[node->name] = ElementsOf(node->shape);
  }
  if (condition_width_ == 0 && tensor_elements_.empty() && calls_per_step() > 1) {
    refuse("has nothing to guide by: it has no label and no caption", "use guidance scale 1");
  }
}

const Shape& DiffusionSampler::sample_shape() const {
  const Graph& graph = network_->graph();
  return graph.node(graph.FindInput("sample")).shape;
}

ConditionList DiffusionSampler::AllLabels() const {
  ConditionList list;
  if (condition_width_ != 1) return list;
  list.width = 1;
  for (int32_t label = 0; label < condition_limit_; ++label) list.values.push_back(label);
  return list;
}

void DiffusionSampler::CheckConditions(const ConditionList& conditions) const {
  const bool conditional = condition_width_ > 0 || !tensor_elements_.empty();
  if (conditions.width != condition_width_ || (conditions.rows() == 0 && conditional)) {
    throw Error(ErrorCode::kUsage, "conditions",
                "are rows of " + std::to_string(conditions.width) + " integers, not of " +
                    std::to_string(condition_width_));
  }
  for (const int32_t value : conditions.values) {
    CheckRange(condition_name_ == "label" ? "class" : condition_name_, value, 0,
               condition_limit_ - 1);
  }
  for (const auto& [name, elements] : tensor_elements_) {
    const auto found = conditions.tensors.find(name);
    if (found == conditions.tensors.end()) {
      throw Error(ErrorCode::kUsage, "conditions", "lack the network's input " + name,
                  "a text-conditioned network needs encoded prompts");
    }
    const auto values = static_cast<int64_t>(found->second.values.size()),
               nulls = static_cast<int64_t>(found->second.null_value.size());
    if (nulls != elements || values != conditions.rows() * elements) {
      throw Error(ErrorCode::kUsage, "conditions",
                  "of " + name + " hold " + std::to_string(values) + " numbers",
                  std::to_string(conditions.rows()) + " rows of " + std::to_string(elements) +
                      " are expected");
    }
  }
}

SamplingRun DiffusionSampler::Prepare(const Candidate& candidate, const QuantTable* table) const {
  SamplingRun run{candidate.timesteps(), {}, {}};
  const QuantScheme scheme = table != nullptr ? table->scheme() : QuantScheme{};
  const bool split = scheme.split_guidance && calls_per_step() == 2;
  std::map<std::pair<int, int>, int> index;  // of (policy, range)
  for (int k = 0; k < candidate.steps(); ++k) {
    const int range = scheme.RangeOf(candidate.timesteps()[k]);
    const auto [place, is_new] = index.try_emplace({candidate.policy_index(k), range},
                                                   static_cast<int>(run.policies.size()));
    if (is_new) {
      run.policies.push_back(network_->Activate(candidate.policy(k), table, {range, 0}));
      if (split) {
        run.null_policies.push_back(network_->Activate(candidate.policy(k), table, {range, 1}));
      }
    }
    run.policy_of_step.push_back(place->second);
  }
  return run;
}

SamplingRun DiffusionSampler::PrepareFloat(const TimestepSequence& timesteps) const {
  return {timesteps, {network_->ActivateFloat()}, std::vector<int>(timesteps.size(), 0)};
}

void DiffusionSampler::LoadState(const SamplerState& state, int64_t begin, int64_t count,
                                 Scratch& s) {
  const auto elements = static_cast<int64_t>(s.accepted.size()) / s.capacity;
  const auto load = [&](const std::vector<float>& from, float* to) {
    std::copy_n(from.data() + begin * elements, count * elements, to);
  };
  load(state.samples, s.samples.data());
  if (s.simple) return;
  load(state.accepted, s.accepted.data());
  for (size_t j = 0; j < s.history.size(); ++j) load(state.history[j], s.history[j].data());
}

void DiffusionSampler::SaveState(SamplerState& state, int64_t begin, int64_t count,
                                 const Scratch& s) {
  const auto elements = static_cast<int64_t>(s.accepted.size()) / s.capacity;
  const auto save = [&](const float* from, std::vector<float>& to) {
    std::copy_n(from, count * elements, to.data() + begin * elements);
  };
  save(s.samples.data(), state.samples);
  if (s.simple) return;
  save(s.accepted.data(), state.accepted);
  for (size_t j = 0; j < s.history.size(); ++j) save(s.history[j].data(), state.history[j]);
}

// One call's rule (src/schedule/solver.h) on every element; a fixed order of fused multiply-adds.
// s.samples holds x, s.outputs the guided output.
void DiffusionSampler::Advance(const SolverCall& call, const SampleRequest& request, int64_t begin,
                               int64_t count, int64_t index, Scratch& s) {
  const auto elements = static_cast<int64_t>(s.accepted.size()) / s.capacity;
  const int64_t chunk_elements = count * elements;
  float* x = s.samples.data();
  const float* out = s.outputs.data();
  if (s.simple) {
    const auto on_sample = static_cast<float>(call.base),
               on_output = static_cast<float>(call.advance[0]);
    for (int64_t i = 0; i < chunk_elements; ++i) {
      x[i] = std::fmaf(on_output, out[i], on_sample * x[i]);
    }
    return;
  }
  std::rotate(s.history.begin(), s.history.end() - 1, s.history.end());
  float* newest = s.history[0].data();
  float* y = s.accepted.data();
  float accept[kSolverHistory], advance[kSolverHistory];
  for (int j = 0; j < kSolverHistory; ++j) {
    accept[j] = static_cast<float>(call.accept[j]),
    advance[j] = static_cast<float>(call.advance[j]);
  }
  const auto convert_sample = static_cast<float>(call.convert_sample),
             convert_output = static_cast<float>(call.convert_output);
  const auto keep = static_cast<float>(call.keep), take = static_cast<float>(call.take);
  const auto base = static_cast<float>(call.base);
  for (int64_t i = 0; i < chunk_elements; ++i) {
    newest[i] = std::fmaf(convert_output, out[i], convert_sample * x[i]);
    float accepted = call.keep == 0 ? take * x[i] : keep * y[i];
    for (int j = 0; j < kSolverHistory; ++j) {
      if (accept[j] != 0) accepted = std::fmaf(accept[j], s.history[j][i], accepted);
    }
    y[i] = accepted;
    float next = base * accepted;
    for (int j = 0; j < kSolverHistory; ++j) {
      if (advance[j] != 0) next = std::fmaf(advance[j], s.history[j][i], next);
    }
    x[i] = next;
  }
  if (call.noise != 0) AddNoise(call, request, begin, count, index, s);
}

void DiffusionSampler::AddNoise(const SolverCall& call, const SampleRequest& request, int64_t begin,
                                int64_t count, int64_t index, Scratch& s) {
  const auto elements = static_cast<int64_t>(s.accepted.size()) / s.capacity;
  const auto deviation = static_cast<float>(call.noise), span = static_cast<float>(call.noise_span);
  std::vector<float> noise(elements);
  for (int64_t i = 0; i < count; ++i) {
    // Streams of their own, beyond those of the samples' first noise.
    const auto stream =
        static_cast<uint64_t>(request.first + begin + i) + (static_cast<uint64_t>(index + 1) << 40);
    FillNormal(request.seed, request.purpose, stream, noise);
    float* x = s.samples.data() + i * elements;
    const float* place = s.variances.data() + i * elements;
    for (int64_t e = 0; e < elements; ++e) {
      const float own =
          span == 0 ? deviation : deviation * kernels::ExpF(0.5f * (place[e] + 1) * span);
      x[e] = std::fmaf(own, noise[e], x[e]);
    }
  }
}

// Conditional rows in the first half of a call's batch, null ones in the second.
void DiffusionSampler::PlaceConditions(const ConditionList& conditions, int64_t first,
                                       int64_t count, Scratch& s) const {
  const int64_t width = condition_width_;
  for (int64_t i = 0; i < count; ++i) {
    if (width > 0) {
      std::copy_n(conditions.row(first + i), width, s.conditions.data() + i * width);
      std::copy_n(null_condition_.data(), width, s.conditions.data() + (count + i) * width);
    }
    for (const auto& [name, elements] : tensor_elements_) {
      const ConditionTensor& tensor = conditions.tensors.at(name);
      const int64_t row = (first + i) % conditions.rows();
      float* out = s.tensors.at(name).data();
      std::copy_n(tensor.values.data() + row * elements, elements, out + i * elements);
      std::copy_n(tensor.null_value.data(), elements, out + (count + i) * elements);
    }
  }
}

// Classifier-free guidance (Ho & Salimans, arXiv 2207.12598) of the first half of the outputs by
// the second; a learned variance is the conditional one's.
void DiffusionSampler::Guide(double scale, int64_t count, Scratch& s) const {
  const auto factor = static_cast<float>(scale);
  float* conditional = s.outputs.data();
  const float* unconditional = s.outputs.data() + count * outputs_;
  const int64_t channels = network_->graph().output_shape().back();
  const int64_t guided = channels * elements_ / outputs_;
  for (int64_t row = 0; row < count * outputs_ / channels; ++row) {
    for (int64_t c = 0; c < guided; ++c) {
      const int64_t i = row * channels + c;
      conditional[i] = std::fmaf(factor, conditional[i] - unconditional[i], unconditional[i]);
    }
  }
}

// Outputs of twice the sample's channels become outputs and variances.
void DiffusionSampler::SplitVariance(int64_t count, Scratch& s) const {
  const int64_t channels = network_->graph().output_shape().back() / 2;
  for (int64_t row = 0; row < count * elements_ / channels; ++row) {
    const float* from = s.outputs.data() + row * 2 * channels;
    for (int64_t c = 0; c < channels; ++c) {
      s.variances[row * channels + c] = from[channels + c];
      s.outputs[row * channels + c] = from[c];  // never ahead of what is still to be read
    }
  }
}

void DiffusionSampler::CallNetwork(const SamplingRun& run, const SolverCall& call,
                                   NetworkInputs inputs, int64_t first, int64_t count, Scratch& s,
                                   const SamplerOptions& options) const {
  const int branches = calls_per_step(), policy = run.policy_of_step[call.step];
  const LayerObserver observer = [&](NodeId id, const float* x, int64_t batch) {
    const Node& node = network_->graph().node(id);
    const int64_t elements = ElementsOf(network_->graph().node(node.inputs[0]).shape);
    for (int branch = 0; branch < batch / count; ++branch) {
      options.observer(call.step, run.timesteps[call.step], branch, first, count, id,
                       x + branch * count * elements);
    }
  };
  inputs.batch = branches * count;
  if (options.call_observer) {
    options.call_observer(call.step, run.timesteps[call.step], first, count, inputs);
  }
  const bool apart = branches == 2 && !run.null_policies.empty();
  if (apart) inputs.batch = count;
  const auto run_network = [&](const ActivePolicy& active, float* outputs, bool observed) {
    if (options.network_call) return options.network_call(active, inputs, outputs);
    network_->Run(active, inputs, outputs, s.workspace, observed ? &observer : nullptr);
  };
  run_network(run.policies[policy], s.outputs.data(), options.observer != nullptr);
  if (!apart) return;
  const Graph& graph = network_->graph();
  for (auto& [name, values] : inputs.floats) {
    values += count * ElementsOf(graph.node(graph.FindInput(name)).shape);
  }
  for (auto& [name, values] : inputs.integers) {
    values += count * ElementsOf(graph.node(graph.FindInput(name)).shape);
  }
  run_network(run.null_policies[policy], s.outputs.data() + count * outputs_, false);
}

void DiffusionSampler::SampleChunk(const SamplingRun& run, const std::vector<SolverCall>& calls,
                                   const SampleRequest& request, int64_t begin, int64_t count,
                                   float* out, Scratch& s, const SamplerOptions& options) const {
  const bool guided = calls_per_step() == 2;
  const int64_t chunk_elements = count * elements_;
  float* x = s.samples.data();
  PlaceConditions(request.conditions, request.first + begin, count, s);
  if (options.start != nullptr) {
    LoadState(*options.start, begin, count, s);
  } else {
    for (int64_t i = 0; i < count; ++i) {
      FillNormal(request.seed, request.purpose, static_cast<uint64_t>(request.first + begin + i),
                 {x + i * elements_, static_cast<size_t>(elements_)});
    }
    for (auto& past : s.history) std::fill(past.begin(), past.end(), 0.0f);
  }
  NetworkInputs inputs{0, {{"sample", x}, {"timestep", s.timesteps.data()}}, {}};
  if (condition_width_ > 0) inputs.integers[condition_name_] = s.conditions.data();
  for (const std::string& name : constants_) inputs.integers[name] = s.zeros.data();
  for (const auto& [name, values] : s.tensors) inputs.floats[name] = values.data();
  const auto save = [&](int call) {
    if (options.states == nullptr) return;
    const auto found = options.states->find(call);
    if (found != options.states->end()) SaveState(found->second, begin, count, s);
  };
  const int end = options.end_call < 0 ? static_cast<int>(calls.size()) : options.end_call;
  for (int index = options.first_call; index < end; ++index) {
    if (options.interrupted != nullptr && *options.interrupted) return;
    save(index);
    const int k = calls[index].step, policy = run.policy_of_step[k];
    if (options.spy) options.spy(k, run.timesteps[k], policy);
    if (guided) std::copy_n(x, chunk_elements, x + chunk_elements);
    std::fill_n(s.timesteps.begin(), guided ? 2 * count : count,
                static_cast<float>(run.timesteps[k]));
    CallNetwork(run, calls[index], inputs, request.first + begin, count, s, options);
    if (guided) Guide(settings_.GuidanceAt(run.timesteps[k]), count, s);
    if (outputs_ != elements_) SplitVariance(count, s);
    Advance(calls[index], request, begin, count, index, s);
    if (options.trajectory != nullptr) {  // the last of a step's calls stays
      std::copy_n(x, chunk_elements,
                  options.trajectory->data() + (k * request.count + begin) * elements_);
    }
  }
  save(end);
  std::copy_n(x, chunk_elements, out + begin * elements_);
}

std::vector<float> DiffusionSampler::Sample(const SamplingRun& run, const SampleRequest& request,
                                            const SamplerOptions& options) const {
  CheckConditions(request.conditions);
  const std::vector<SolverCall> calls = MakeSolver(schedule_, settings_, run.timesteps);
  const int64_t count = request.count;
  const int64_t allowed = options.network_call  ? 1
                          : options.threads > 0 ? options.threads
                                                : omp_get_max_threads();
  // Threads take samples; where there are fewer samples, threads share the calls of all.
  const int64_t most = std::max<int64_t>(1, options.batch);
  const int team =
      network_->UsefulThreads(calls_per_step() * std::min(count, most), static_cast<int>(allowed));
  const bool shared = team > count;
  const int64_t wanted = shared ? 1 : allowed;
  // Few samples are shared out evenly rather than in whole batches.
  const int64_t batch = std::clamp<int64_t>((count + wanted - 1) / wanted, 1, most);
  const int64_t chunks = (count + batch - 1) / batch;
  const int threads = static_cast<int>(std::clamp<int64_t>(chunks, 1, wanted));
  std::vector<float> out(count * elements_);
  if (options.trajectory != nullptr) {
    options.trajectory->assign(run.timesteps.size() * count * elements_, 0.0f);
  }
  TMPQ_CHECK(options.first_call == 0 || options.start != nullptr, "no state to go on from");
  const bool simple = std::all_of(calls.begin(), calls.end(),
                                  [](const SolverCall& call) { return call.IsSimple(); });
  if (options.states != nullptr) {
    for (auto& [call, state] : *options.states) {
      state.samples.resize(out.size());
      if (simple) continue;
      state.accepted.resize(out.size());
      state.history.assign(kSolverHistory, std::vector<float>(out.size()));
    }
  }
  std::vector<Scratch> scratch(threads);
  for (Scratch& s : scratch) {
    s.workspace = network_->MakeWorkspace(2 * batch, shared ? team : 1);
    s.samples.resize(2 * batch * elements_);
    s.outputs.resize(2 * batch * outputs_);
    if (outputs_ != elements_) s.variances.resize(batch * elements_);
    for (const auto& [name, elements] : tensor_elements_) {
      s.tensors[name].resize(2 * batch * elements);
    }
    s.timesteps.resize(2 * batch);
    s.conditions.resize(2 * batch * condition_width_);
    s.zeros.resize(2 * batch);
    s.capacity = batch;
    s.simple = simple;
    s.accepted.resize(batch * elements_);
    s.history.assign(kSolverHistory, std::vector<float>(batch * elements_));
  }
  std::atomic<int64_t> done{0};
  // Chunks are independent, so any schedule gives the same bytes; dynamic evens out busy machines.
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int64_t begin = chunk * batch, size = std::min(batch, count - begin);
    SampleChunk(run, calls, request, begin, size, out.data(), scratch[omp_get_thread_num()],
                options);
    done += size;
    if (options.progress != nullptr && omp_get_thread_num() == 0) options.progress->Update(done);
  }
  if (options.interrupted != nullptr && *options.interrupted) {
    throw Error(ErrorCode::kInterrupted, "", "interrupted");
  }
  if (options.progress != nullptr) options.progress->Update(count);
  return out;
}

}  // namespace tmpq
