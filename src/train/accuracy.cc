#include "src/train/accuracy.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>

#include "src/core/error.h"
#include "src/models/contrastive_encoder.h"
#include "src/torch/torch_device.h"
#include "src/torch/torch_executor.h"
#include "src/train/ranked_batch.h"
#include "src/train/sample_source.h"

namespace tmpq {
namespace {

constexpr int64_t kBatch = 250;  // samples of one call

TorchExecutor::Tensors TensorsOf(const Graph& graph, const ParameterSet& parameters) {
  TorchExecutor::Tensors tensors;
  for (const auto& [name, shape] : graph.parameters()) {
    tensors[name] = TensorOf(parameters.Get(name), shape);
  }
  return tensors;
}

// (data.count, output shape): the network's outputs for all samples.
at::Tensor OutputsOf(const Graph& graph, const ParameterSet& parameters, const ImageSet& data) {
  const NodeId input = graph.FindInput("sample");
  TMPQ_CHECK(input >= 0 && ElementsOf(graph.node(input).shape) == data.image_elements(),
             "samples do not fit the network " + graph.name());
  const TorchExecutor executor(graph);
  const TorchExecutor::Tensors tensors = TensorsOf(graph, parameters);
  std::vector<at::Tensor> outputs;
  for (int64_t begin = 0; begin < data.count; begin += kBatch) {
    Shape shape = graph.node(input).shape;
    shape.insert(shape.begin(), std::min(kBatch, data.count - begin));
    const std::span<const float> values(data.image(begin), static_cast<size_t>(ElementsOf(shape)));
    outputs.push_back(executor.Run(tensors, {{"sample", TensorOf(values, shape)}}));
  }
  return at::cat(outputs);
}

// (captions, embedding) of the world's captions, in their order.
at::Tensor CaptionEmbeddings(const Graph& tower, const ParameterSet& parameters,
                             const CaptionedWorld& world) {
  std::vector<int64_t> tokens;
  for (const std::string& caption : CaptionsOf(world)) {
    const auto encoded = world.vocabulary().Encode(caption);
    tokens.insert(tokens.end(), encoded.begin(), encoded.end());
  }
  const at::Tensor captions = TensorOf(tokens, {world.count(), world.vocabulary().tokens()});
  return TorchExecutor(tower).Run(TensorsOf(tower, parameters), {{"caption", captions}});
}

at::Tensor Normalised(const at::Tensor& x) { return x / x.norm(2, {1}, true); }

// Compares answers, one a part, of each sample with the right ones.
class Counter {
 public:
  explicit Counter(std::vector<std::string> names)
      : names_(std::move(names)), right_(names_.size(), 0) {}

  void Count(const std::vector<int64_t>& answers, const std::vector<int64_t>& truth) {
    ++samples_;
    whole_ += answers == truth;
    for (size_t i = 0; i < right_.size(); ++i) right_[i] += answers[i] == truth[i];
  }

  Accuracy Finish() const {
    const auto n = static_cast<double>(samples_);
    Accuracy accuracy{samples_, static_cast<double>(whole_) / n, {}};
    for (size_t i = 0; i < right_.size(); ++i) {
      accuracy.parts.emplace_back(names_[i], static_cast<double>(right_[i]) / n);
    }
    return accuracy;
  }

 private:
  std::vector<std::string> names_;
  std::vector<int64_t> right_;
  int64_t samples_ = 0, whole_ = 0;
};

}  // namespace

Json Accuracy::PartsJson() const {
  Json json = Json::object();
  for (const auto& [name, share] : parts) json[name] = share;
  return json;
}

Accuracy ClassifierAccuracy(const Graph& graph, const ParameterSet& parameters,
                            const ImageSet& data, const Labelling& labelling) {
  at::NoGradGuard no_grad;
  const at::Tensor logits = OutputsOf(graph, parameters, data);
  std::vector<at::Tensor> chosen;
  std::vector<std::string> names;
  int64_t offset = 0;
  for (const LabelPart& part : labelling.parts()) {
    chosen.push_back(logits.narrow(1, offset, part.size).argmax(1));
    names.push_back(part.name);
    offset += part.size;
  }
  const at::Tensor answers = OnHost(at::stack(chosen, 1));  // (samples, parts)
  const auto parts = static_cast<int64_t>(names.size());
  Counter counter(names);
  for (int64_t i = 0; i < data.count; ++i) {
    const int64_t* row = answers.data_ptr<int64_t>() + i * parts;
    counter.Count({row, row + parts}, labelling.AnswersOf(data.labels[i]));
  }
  return counter.Finish();
}

Accuracy RetrievalAccuracy(const Graph& graph, const ParameterSet& parameters, const ImageSet& data,
                           const CaptionedWorld& world) {
  at::NoGradGuard no_grad;
  const at::Tensor samples = OutputsOf(graph.CutAfter(kSampleEmbeddingNode), parameters, data);
  const at::Tensor captions =
      CaptionEmbeddings(graph.CutAfter(kCaptionEmbeddingNode), parameters, world);
  const at::Tensor nearest =
      OnHost(at::matmul(Normalised(samples), Normalised(captions).t()).argmax(1));
  std::vector<std::string> names;
  for (const CaptionAttribute& attribute : world.attributes()) names.push_back(attribute.name);
  Counter counter(names);
  const auto values = [&](int64_t label) {
    const AttributeValues of_label = world.ValuesOf(label);
    return std::vector<int64_t>(of_label.begin(), of_label.end());
  };
  for (int64_t i = 0; i < data.count; ++i) {
    counter.Count(values(nearest.data_ptr<int64_t>()[i]), values(data.labels[i]));
  }
  return counter.Finish();
}

Accuracy PreferenceAccuracy(const Graph& graph, const ParameterSet& parameters,
                            const CaptionedWorld& world, int64_t pairs, uint64_t seed) {
  at::NoGradGuard no_grad;
  const TorchExecutor executor(graph);
  const TorchExecutor::Tensors tensors = TensorsOf(graph, parameters);
  struct Count {
    int64_t right = 0, all = 0;
    double Share() const { return static_cast<double>(right) / static_cast<double>(all); }
  };
  Count whole;
  std::map<Flaw, Count> by_flaw;
  RandomStream random(seed, RandomPurpose::kTest);
  for (int64_t begin = 0; begin < pairs; begin += kBatch) {
    const RankedBatch batch = DrawRankedBatch(world, std::min(kBatch, pairs - begin), random);
    const auto [better, worse] = RankedCosines(executor, tensors, world, batch);
    const at::Tensor right = OnHost(at::gt(better, worse));
    for (size_t i = 0; i < batch.flaws.size(); ++i) {
      Count& of_flaw = by_flaw[batch.flaws[i]];
      const bool is_right = right.data_ptr<bool>()[i];
      whole.right += is_right, of_flaw.right += is_right;
      ++whole.all, ++of_flaw.all;
    }
  }
  Accuracy accuracy{pairs, whole.Share(), {}};
  for (const auto& [flaw, count] : by_flaw)
    accuracy.parts.emplace_back(NameOf(flaw), count.Share());
  return accuracy;
}

}  // namespace tmpq
