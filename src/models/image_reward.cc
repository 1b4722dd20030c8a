#include "src/models/image_reward.h"

#include <string>

#include "src/models/bert_checkpoint.h"

namespace tmpq {
namespace {

constexpr const char* kWeights = "model";
constexpr const char* kImage = "blip.visual_encoder.";
constexpr const char* kText = "blip.text_encoder.";
constexpr double kImageEpsilon = 1e-6;
constexpr int64_t kHeadFeatures = 64;  // of every published vision transformer
// Dropout layers stand between them in the file's numbering.
constexpr int kHeadPlaces[] = {0, 2, 4, 6, 7};

std::string Block(int64_t i) { return kImage + ("blocks." + std::to_string(i)) + "."; }
std::string HeadLayer(size_t i) { return "mlp.layers." + std::to_string(kHeadPlaces[i]); }

// Pre-norm, one linear for queries, keys and values.
NodeId ImageBlock(GraphBuilder& b, const ImageRewardConfig& c, const std::string& p, NodeId x) {
  const NodeId qkv =
      b.Linear(p + "attn.qkv", b.AffineLayerNorm(p + "norm1", x, kImageEpsilon), 3 * c.width);
  const NodeId q = b.Slice(p + "attn.q", qkv, 0, c.width),
               k = b.Slice(p + "attn.k", qkv, c.width, c.width),
               v = b.Slice(p + "attn.v", qkv, 2 * c.width, c.width);
  NodeId h = b.FloatAttention(p + "attn.product", q, k, v, c.heads);
  x = b.Add(p + "add1", x, b.Linear(p + "attn.proj", h, c.width));
  h = b.Linear(p + "mlp.fc1", b.AffineLayerNorm(p + "norm2", x, kImageEpsilon), c.inner);
  return b.Add(p + "add2", x, b.Linear(p + "mlp.fc2", b.GeluErf(p + "mlp.act", h), c.width));
}

// The picture's tokens (1 + patches, width), its class token first.
NodeId ImageTokens(GraphBuilder& b, const ImageRewardConfig& c) {
  const std::string p = kImage;
  NodeId x = b.Input("pixel_values", {c.image_size, c.image_size, 3});
  x = b.Append(OpKind::kConv2d, p + "patch_embed.proj", {x},
               {.features = c.width, .kernel = c.patch, .stride = c.patch, .bias = true});
  const int64_t patches = ElementsOf(b.shape(x)) / c.width;
  const NodeId first = b.Parameter(p + "cls_token", {c.width});
  x = b.Concat(p + "tokens", {first, b.Reshape(p + "patches", x, {patches * c.width})});
  x = b.AddParameter(p + "pos_embed", b.Reshape(p + "embeddings", x, {patches + 1, c.width}));
  for (int64_t i = 0; i < c.depth; ++i) x = ImageBlock(b, c, Block(i), x);
  return b.AffineLayerNorm(p + "norm", x, kImageEpsilon);
}

Shape ShapeIn(const Checkpoint& checkpoint, const std::string& name, size_t rank) {
  const auto found = checkpoint.tensors().find(name);
  const bool missing = found == checkpoint.tensors().end();
  if (missing || found->second->shape.size() != rank) {
    throw Error(ErrorCode::kInput, checkpoint.path().string(),
                name + (missing ? " is missing" : " is " + ShapeText(found->second->shape)),
                "ImageReward.pt's tensors under their own names are expected");
  }
  return found->second->shape;
}

// Sizes of the picture's encoder and of the head, as the weights have them.
void ReadSizes(const Checkpoint& checkpoint, ImageRewardConfig& c) {
  const std::string p = kImage;
  const Shape patch = ShapeIn(checkpoint, p + "patch_embed.proj.weight", 4);
  const Shape positions = ShapeIn(checkpoint, p + "pos_embed", 3);
  c.width = patch[0], c.patch = patch[3];
  int64_t side = 1;
  while (side * side + 1 < positions[1]) ++side;
  if (side * side + 1 != positions[1] || c.width % kHeadFeatures != 0) {
    throw Error(ErrorCode::kInput, checkpoint.path().string(),
                p + "pos_embed is " + ShapeText(positions),
                "a token and a square of patches, of a multiple of " +
                    std::to_string(kHeadFeatures) + " features, are expected");
  }
  c.image_size = side * c.patch, c.heads = c.width / kHeadFeatures;
  c.inner = ShapeIn(checkpoint, Block(0) + "mlp.fc1.weight", 2)[0];
  c.depth = 1;
  while (checkpoint.Has(Block(c.depth) + "mlp.fc1.weight")) ++c.depth;
  for (size_t i = 0; i < c.head.size(); ++i) {
    c.head[i] = ShapeIn(checkpoint, HeadLayer(i) + ".weight", 2)[0];
  }
  // Two more tokens than its config's BERT in some copies of the config.
  c.text.vocabulary =
      ShapeIn(checkpoint, kText + std::string("embeddings.word_embeddings.weight"), 2)[0];
}

}  // namespace

Graph BuildImageReward(const ImageRewardConfig& config) {
  TMPQ_CHECK(config.head.size() == std::size(kHeadPlaces) && config.head.back() == 1,
             "the head is five layers that end in one number");
  GraphBuilder b("image-reward");
  const NodeId image = ImageTokens(b, config);
  const BertConfig& text = config.text;
  const std::string p = kText;
  const NodeId ids = b.Input("input_ids", {text.tokens});
  const NodeId mask = b.Input("attention_mask", {text.tokens});
  NodeId x = b.LabelEmbedding(p + "embeddings.word_embeddings", ids, text.vocabulary, text.width);
  x = b.AddParameter(p + kBertPositions, x);
  x = b.AffineLayerNorm(p + "embeddings.LayerNorm", x, text.norm_epsilon);
  for (int64_t i = 0; i < text.depth; ++i) {
    x = BertLayer(b, text, p + "encoder.layer." + std::to_string(i) + ".", x, mask, image);
  }
  x = b.Slice("first_token", b.Reshape("flat", x, {text.tokens * text.width}), 0, text.width);
  for (size_t i = 0; i < config.head.size(); ++i) x = b.Linear(HeadLayer(i), x, config.head[i]);
  return b.Finish(x);
}

ImageReward LoadImageReward(const std::filesystem::path& folder) {
  const ComponentConfig med(folder / kMedConfigName);
  const Checkpoint checkpoint(folder, kWeights);
  ImageRewardConfig config;
  config.text = ReadBertConfig(med, config.text.tokens);
  ReadSizes(checkpoint, config);
  if (config.head.back() != 1) {
    throw Error(ErrorCode::kInput, checkpoint.path().string(),
                "has a head of " + std::to_string(config.head.back()) + " outputs",
                "a reward is one number");
  }
  ImageReward result{BuildImageReward(config), {}, {}};
  ParameterSource source;
  TakeFirstRows(checkpoint, kText + std::string(kBertPositions), config.text.tokens,
                config.text.width, source);
  source.aliases = [](const std::string& name) {
    const std::string ending = ".weight";  // parameters of their own have none
    return name.ends_with(ending) ? std::vector{name.substr(0, name.size() - ending.size())}
                                  : std::vector<std::string>{};
  };
  // BLIP's two projections belong to its training; the positions' numbers are 0, 1, 2, ..
  for (const char* name :
       {"blip.vision_proj.weight", "blip.vision_proj.bias", "blip.text_proj.weight",
        "blip.text_proj.bias", "blip.text_encoder.embeddings.position_ids"}) {
    source.ignored.insert(name);
  }
  result.parameters = LoadParameters(checkpoint, result.graph, source);
  result.hash = HashString(ReadFile(folder / kMedConfigName) + checkpoint.hash().Hex());
  return result;
}

}  // namespace tmpq
