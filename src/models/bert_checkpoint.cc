#include "src/models/bert_checkpoint.h"

#include "src/core/error.h"

namespace tmpq {

BertConfig ReadBertConfig(const ComponentConfig& config, int64_t tokens) {
  BertConfig bert;
  bert.vocabulary = config.Size("vocab_size", bert.vocabulary);
  const int64_t positions = config.Size("max_position_embeddings", bert.tokens);
  bert.tokens = tokens > 0 ? tokens : positions;
  if (bert.tokens > positions) {
    throw Error(ErrorCode::kInput, config.where(),
                "max_position_embeddings is " + std::to_string(positions) + ", but texts have " +
                    std::to_string(bert.tokens) + " tokens");
  }
  bert.width = config.Size("hidden_size", bert.width);
  bert.inner = config.Size("intermediate_size", bert.inner);
  bert.depth = config.Size("num_hidden_layers", bert.depth);
  bert.heads = config.Size("num_attention_heads", bert.heads);
  bert.norm_epsilon = config.Get<double>("layer_norm_eps", bert.norm_epsilon);
  config.Expect("hidden_act", "gelu");
  config.Expect("position_embedding_type", "absolute");
  config.Expect("is_decoder", false);
  return bert;
}

void TakeFirstRows(const Checkpoint& checkpoint, const std::string& table, int64_t rows,
                   int64_t width, ParameterSource& source) {
  const std::string name = table + ".weight";
  const auto found = checkpoint.tensors().find(name);
  const Shape shape = found == checkpoint.tensors().end() ? Shape{} : found->second->shape;
  if (shape.size() != 2 || shape[0] < rows || shape[1] != width) {
    throw Error(ErrorCode::kInput, checkpoint.path().string(),
                name + (shape.empty() ? " is missing" : " is " + ShapeText(shape)),
                "a table of at least " + std::to_string(rows) + " rows of " +
                    std::to_string(width) + " is expected");
  }
  std::vector<float> values = checkpoint.Floats(name);
  values.resize(rows * width);
  source.computed[name] = std::move(values);
  source.ignored.insert(name);
}

}  // namespace tmpq
