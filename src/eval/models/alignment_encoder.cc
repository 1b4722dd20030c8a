#include "src/eval/models/alignment_encoder.h"

#include <algorithm>

#include "kernels/include/kernels.h"
#include "src/core/error.h"
#include "src/eval/models/image_processor.h"
#include "src/metrics/embedding_similarity.h"
#include "src/models/component_config.h"
#include "src/models/contrastive_encoder.h"
#include "src/models/model_file.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLogitScale = "logit_scale";  // that tmpq-train writes for reward models

// Captions have the vocabulary's length, and every word a row of the token table.
void CheckVocabulary(const Vocabulary& vocabulary, const Graph& graph, const std::string& where) {
  const NodeId caption = graph.FindInput("caption");
  bool fits = graph.node(caption).shape == Shape{vocabulary.tokens()};
  for (const Node& node : graph.nodes()) {
    if (node.kind == OpKind::kLabelEmbedding)
      fits = fits && vocabulary.size() <= node.attributes.size;
  }
  if (!fits)
    throw Error(ErrorCode::kInput, where, "has a vocabulary that does not fit its captions");
}

}  // namespace

AlignmentEncoder AlignmentEncoder::Open(const std::string& name, const fs::path& bundled) {
  return fs::is_regular_file(fs::path(name) / kConfigName) ? OpenClip(name)
                                                           : OpenContrastive(name, bundled);
}

AlignmentEncoder AlignmentEncoder::OpenClip(const fs::path& folder) {
  Encoder encoder = LoadEncoder(folder);
  if (encoder.outputs.count("pooled") == 0 || encoder.outputs.count("image_embeds") == 0) {
    throw Error(ErrorCode::kInput, folder.string(),
                "holds a " + encoder.class_name + ", which is not both towers of CLIP",
                "text alignment needs a CLIPModel's folder");
  }
  const Graph& tower = encoder.outputs.at("image_embeds");
  const Shape shape = tower.node(tower.FindInput("pixel_values")).shape;
  AlignmentEncoder result;
  result.name_ = fs::weakly_canonical(folder).filename().string();
  result.logit_scale_ = encoder.logit_scale;
  Preprocessing processor = ReadImageProcessor(folder, shape);
  result.samples_ = std::make_unique<FeatureExtractor>(
      tower, encoder.parameters,
      HashString(encoder.hash.Hex() + ToJson(processor).dump() + HashesOfTokenizer(folder)),
      kernels::BestKernels(), processor);
  result.text_ = std::make_unique<TextEncoder>(LoadTokenizer(folder), std::move(encoder));
  return result;
}

AlignmentEncoder AlignmentEncoder::OpenContrastive(const std::string& name,
                                                   const fs::path& bundled) {
  const fs::path path = FindModel(name, bundled);
  const ModelFile model = ModelFile::Load(path);
  const Json text = TextOf(model.sampling);
  if (text.is_null() || model.graph.FindInput("caption") < 0) {
    throw Error(ErrorCode::kInput, path.string(), "is no encoder of samples and captions",
                "scenes-encoder, sprites-encoder, or the folder of a CLIPModel");
  }
  AlignmentEncoder result;
  result.name_ = model.name;
  if (text.contains(kLogitScale)) {
    result.logit_scale_ = JsonGet<double>(text, kLogitScale, path.string());
  }
  result.vocabulary_ =
      Vocabulary::FromJson(JsonGet<Json>(text, "vocabulary", path.string()), path.string());
  CheckVocabulary(result.vocabulary_, model.graph, path.string());
  result.samples_ =
      std::make_unique<FeatureExtractor>(model.graph.CutAfter(kSampleEmbeddingNode),
                                         model.parameters, model.hash, kernels::BestKernels());
  result.captions_ = std::make_unique<RuntimeNetwork>(model.graph.CutAfter(kCaptionEmbeddingNode),
                                                      model.parameters, kernels::BestKernels());
  return result;
}

std::vector<double> AlignmentEncoder::Similarities(std::span<const float> samples,
                                                   const Shape& shape,
                                                   const std::vector<std::string>& texts,
                                                   int threads) const {
  TMPQ_CHECK(!texts.empty(), "samples without texts");
  const int64_t count = static_cast<int64_t>(samples.size()) / ElementsOf(shape);
  const bool whole = sees_whole_clips();
  const int64_t frames = shape.size() > 3 && !whole ? shape[0] : 1;
  const std::vector<float> embeddings =
      whole ? samples_->Extract(samples, shape, threads) : FrameEmbeddings(samples, shape, threads);
  const TextRows rows = TextEmbeddings(texts, threads);
  std::vector<float> wanted;
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<float>& row = rows[i % rows.size()];
    wanted.insert(wanted.end(), row.begin(), row.end());
  }
  return FrameTextSimilarities(embeddings, wanted, frames, dimension());
}

std::vector<float> AlignmentEncoder::FrameEmbeddings(std::span<const float> samples,
                                                     const Shape& shape, int threads) const {
  if (sees_whole_clips()) {
    throw Error(ErrorCode::kUnsupported, "encoder " + name_, "sees clips whole, not their frames",
                "name an encoder of images");
  }
  const bool clips = shape.size() > samples_->sample_shape().size();
  return samples_->Extract(samples, clips ? Shape(shape.begin() + 1, shape.end()) : shape, threads);
}

TextRows AlignmentEncoder::TextEmbeddings(const std::vector<std::string>& texts,
                                          int threads) const {
  const std::lock_guard lock(memory_->mutex);
  std::vector<std::string> fresh;
  for (const std::string& text : texts) {
    if (memory_->rows.count(text) == 0) fresh.push_back(text);
  }
  std::sort(fresh.begin(), fresh.end());
  fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
  if (!fresh.empty()) {
    TextRows rows = EncodeTexts(fresh, threads);
    for (size_t i = 0; i < fresh.size(); ++i) memory_->rows[fresh[i]] = std::move(rows[i]);
  }
  TextRows result;
  for (const std::string& text : texts) result.push_back(memory_->rows.at(text));
  return result;
}

TextRows AlignmentEncoder::EncodeTexts(const std::vector<std::string>& texts, int threads) const {
  if (text_ != nullptr) return text_->Encode(texts, "pooled", threads);
  TextRows rows;
  Workspace workspace = captions_->MakeWorkspace(1);
  const ActivePolicy policy = captions_->ActivateFloat();
  for (const std::string& text : texts) {
    const std::vector<int32_t> tokens = vocabulary_.Encode(text);
    captions_->Run(policy, {1, {}, {{"caption", tokens.data()}}},
                   rows.emplace_back(dimension()).data(), workspace);
  }
  return rows;
}

}  // namespace tmpq
