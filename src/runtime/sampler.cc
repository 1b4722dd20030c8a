#include "src/runtime/sampler.h"

#include <omp.h>

#include <algorithm>

#include "src/core/error.h"
#include "src/runtime/call_threads.h"
#include "src/runtime/sampler_scratch.h"

namespace tmpq {

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

void DiffusionSampler::PlaceInputs(int64_t count, Scratch& s) const {
  s.inputs.floats["sample"] = s.samples.data();
  s.inputs.floats["timestep"] = s.timesteps.data();
  if (condition_width_ > 0) s.inputs.integers[condition_name_] = s.conditions.data();
  for (const std::string& name : constants_) s.inputs.integers[name] = s.zeros.data();
  for (const auto& [name, values] : s.tensors) s.inputs.floats[name] = values.data();
  const Graph& graph = network_->graph();
  const auto second_half = [&](const std::string& name) {
    return count * ElementsOf(graph.node(graph.FindInput(name)).shape);
  };
  s.null_inputs = s.inputs;
  s.null_inputs.batch = count;
  for (auto& [name, values] : s.null_inputs.floats) values += second_half(name);
  for (auto& [name, values] : s.null_inputs.integers) values += second_half(name);
}

void DiffusionSampler::CallNetwork(const SamplingRun& run, const SolverCall& call, int64_t first,
                                   int64_t count, Scratch& s, const SamplerOptions& options) const {
  const int branches = calls_per_step(), policy = run.policy_of_step[call.step];
  LayerObserver observer;
  if (options.observer) {
    observer = [&](NodeId id, const float* x, int64_t batch) {
      const Node& node = network_->graph().node(id);
      const int64_t elements = ElementsOf(network_->graph().node(node.inputs[0]).shape);
      for (int branch = 0; branch < batch / count; ++branch) {
        options.observer(call.step, run.timesteps[call.step], branch, first, count, id,
                         x + branch * count * elements);
      }
    };
  }
  s.inputs.batch = branches * count;
  if (options.call_observer) {
    options.call_observer(call.step, run.timesteps[call.step], first, count, s.inputs);
  }
  const bool apart = branches == 2 && !run.null_policies.empty();
  if (apart) s.inputs.batch = count;
  const auto run_network = [&](const ActivePolicy& active, const NetworkInputs& inputs,
                               float* outputs, bool observed) {
    if (options.network_call) return options.network_call.call(active, inputs, outputs);
    if (apart) s.workspace.Forget();  // the other branch's conditions
    network_->Run(active, inputs, outputs, s.workspace, observed ? &observer : nullptr);
  };
  run_network(run.policies[policy], s.inputs, s.outputs.data(), options.observer != nullptr);
  if (!apart) return;
  run_network(run.null_policies[policy], s.null_inputs, s.outputs.data() + count * outputs_, false);
}

void DiffusionSampler::SampleChunk(const SamplingRun& run, const std::vector<SolverCall>& calls,
                                   const SampleRequest& request, int64_t begin, int64_t count,
                                   float* out, Scratch& s, const SamplerOptions& options) const {
  const bool guided = calls_per_step() == 2;
  const int64_t chunk_elements = count * elements_;
  float* x = s.samples.data();
  PlaceConditions(request.conditions, request.first + begin, count, s);
  s.workspace.Forget();
  if (options.start != nullptr) {
    LoadState(*options.start, begin, count, s);
  } else {
    for (int64_t i = 0; i < count; ++i) {
      FillNormal(request.seed, request.purpose, static_cast<uint64_t>(request.first + begin + i),
                 {x + i * elements_, static_cast<size_t>(elements_)});
    }
    for (auto& past : s.history) std::fill(past.begin(), past.end(), 0.0f);
  }
  PlaceInputs(count, s);
  const auto save = [&](int call) {
    if (options.states == nullptr) return;
    const auto found = options.states->find(call);
    if (found != options.states->end()) SaveState(found->second, begin, count, s);
  };
  const int end = options.end_call < 0 ? static_cast<int>(calls.size()) : options.end_call;
  if (CanLoop(run, options, s.simple)) {
    s.inputs.batch = calls_per_step() * count;
    RunLoop({run, calls, options.first_call, end, settings_, s.inputs, count, request.seed,
             request.purpose, request.first + begin},
            x, begin, s, options);
    std::copy_n(x, chunk_elements, out + begin * elements_);
    return;
  }
  for (int index = options.first_call; index < end; ++index) {
    if (options.interrupted != nullptr && *options.interrupted) return;
    save(index);
    const int k = calls[index].step, policy = run.policy_of_step[k];
    if (options.spy) options.spy(k, run.timesteps[k], policy);
    if (guided) std::copy_n(x, chunk_elements, x + chunk_elements);
    std::fill_n(s.timesteps.begin(), guided ? 2 * count : count,
                static_cast<float>(run.timesteps[k]));
    CallNetwork(run, calls[index], request.first + begin, count, s, options);
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

// What looks at single calls, or keeps more than samples between them, wants them one by one.
bool DiffusionSampler::CanLoop(const SamplingRun& run, const SamplerOptions& options,
                               bool simple) const {
  const bool watched =
      options.observer || options.call_observer || options.spy || options.trajectory != nullptr;
  const bool memory = !simple && (options.start != nullptr || options.states != nullptr);
  return options.network_call.loop && !watched && !memory && run.null_policies.empty();
}

void DiffusionSampler::RunLoop(const SamplingLoop& whole, float* x, int64_t begin, Scratch& s,
                               const SamplerOptions& options) const {
  const auto save = [&](int call) {
    if (options.states == nullptr) return;
    const auto found = options.states->find(call);
    if (found != options.states->end()) SaveState(found->second, begin, whole.count, s);
  };
  for (int at = whole.first_call; at < whole.end_call;) {
    if (options.interrupted != nullptr && *options.interrupted) return;
    save(at);
    SamplingLoop part = whole;
    part.first_call = at;
    if (options.states != nullptr) {
      const auto next = options.states->upper_bound(at);
      if (next != options.states->end()) part.end_call = std::min(next->first, whole.end_call);
    }
    const int64_t elements = whole.count * elements_;
    if (calls_per_step() == 2) std::copy_n(x, elements, x + elements);
    std::fill_n(s.timesteps.begin(), whole.inputs.batch,
                static_cast<float>(whole.run.timesteps[whole.calls[at].step]));
    options.network_call.loop(part, x);
    at = part.end_call;
  }
  save(whole.end_call);
}

std::vector<float> DiffusionSampler::Sample(const SamplingRun& run, const SampleRequest& request,
                                            const SamplerOptions& options) const {
  CheckConditions(request.conditions);
  const std::vector<SolverCall> calls = MakeSolver(schedule_, settings_, run.timesteps);
  const int64_t count = request.count;
  const int64_t allowed = options.network_call  ? 1
                          : options.threads > 0 ? options.threads
                                                : omp_get_max_threads();
  const int64_t most = std::max<int64_t>(1, options.batch);
  const CallThreads divided = DivideThreads(
      *network_, count, calls_per_step() * std::min(count, most), static_cast<int>(allowed));
  const int64_t wanted = divided.callers;
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
    if (!options.network_call) {  // which has memory of its own
      s.workspace = network_->MakeWorkspace(calls_per_step() * batch, divided.per_call,
                                            /*keep_constants=*/true);
    }
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
    s.noise.resize(elements_);
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
