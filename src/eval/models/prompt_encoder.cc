// EncodePrompts: which text encoder's output is which condition.
#include <algorithm>
#include <map>

#include "src/core/error.h"
#include "src/eval/models/pipeline_model.h"
#include "src/eval/models/text_encoder.h"
#include "src/models/autoencoder.h"
#include "src/models/encoder.h"
#include "src/models/pipeline.h"
#include "src/text/tokenizer.h"

namespace tmpq {
namespace {

// `suffix`: "" or "_2", of the components' names. `tokens`: of a T5's or BERT's text.
TextEncoder LoadTextEncoder(const Pipeline& pipeline, const std::string& suffix, int64_t tokens) {
  return {LoadTokenizer(pipeline.Get("tokenizer" + suffix).folder),
          LoadEncoder(pipeline.Get("text_encoder" + suffix).folder, {.tokens = tokens})};
}

// Token by token, the features of both.
TextRows Joined(const TextRows& a, const TextRows& b, int64_t tokens) {
  TextRows rows;
  for (size_t i = 0; i < a.size(); ++i) {
    const size_t wide = a[i].size() / tokens, more = b[i].size() / tokens;
    std::vector<float> row;
    for (int64_t t = 0; t < tokens; ++t) {
      row.insert(row.end(), a[i].begin() + t * wide, a[i].begin() + (t + 1) * wide);
      row.insert(row.end(), b[i].begin() + t * more, b[i].begin() + (t + 1) * more);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// Features of padding become zeros, as Latte's pipeline has them.
void ZeroPadding(TextRows& rows, const TextRows& masks) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t features = rows[i].size() / masks[i].size();
    for (size_t e = 0; e < rows[i].size(); ++e) rows[i][e] *= masks[i][e / features];
  }
}

// The last row is the empty prompt's.
ConditionTensor TensorOf(const TextRows& rows) {
  ConditionTensor tensor;
  for (size_t i = 0; i + 1 < rows.size(); ++i) {
    tensor.values.insert(tensor.values.end(), rows[i].begin(), rows[i].end());
  }
  tensor.null_value = rows.back();
  return tensor;
}

// Values that the network's conditions can have, by input.
using Values = std::map<std::string, TextRows>;

Values EncodeWithOne(const TextEncoder& encoder, bool zero_padding,
                     const std::vector<std::string>& prompts) {
  Values values;
  TextRows masks;
  values["encoder_hidden_states"] = encoder.Encode(prompts, "last_hidden_state", 0, &masks);
  if (zero_padding) ZeroPadding(values["encoder_hidden_states"], masks);
  values["encoder_attention_mask"] = std::move(masks);
  return values;
}

// SDXL: both see the same tokens.
Values EncodeJointly(const TextEncoder& first, const TextEncoder& second, int64_t tokens,
                     bool zero_empty, const std::vector<std::string>& prompts) {
  Values values;
  values["encoder_hidden_states"] =
      Joined(first.Encode(prompts, "penultimate_hidden_state", 0),
             second.Encode(prompts, "penultimate_hidden_state", 0), tokens);
  values["text_embeds"] = second.Encode(prompts, "pooled", 0);
  if (zero_empty) {
    for (auto& [name, rows] : values) std::fill(rows.back().begin(), rows.back().end(), 0.0f);
  }
  return values;
}

// HunyuanDiT: each sees tokens of its own.
Values EncodeSeparately(const TextEncoder& first, const TextEncoder& t5,
                        const std::vector<std::string>& prompts) {
  Values values;
  values["encoder_hidden_states"] =
      first.Encode(prompts, "last_hidden_state", 0, &values["text_embedding_mask"]);
  values["encoder_hidden_states_t5"] =
      t5.Encode(prompts, "last_hidden_state", 0, &values["text_embedding_mask_t5"]);
  return values;
}

Values EncodeAll(const Pipeline& pipeline, const Graph& graph,
                 const std::vector<std::string>& prompts) {
  const auto tokens_of = [&](const char* input) {
    const NodeId node = graph.FindInput(input);
    return node < 0 ? int64_t{0} : graph.node(node).shape[0];
  };
  const int64_t tokens = tokens_of("encoder_hidden_states");
  const int64_t t5_tokens = tokens_of("encoder_hidden_states_t5");
  if (tokens == 0) return {};
  const TextEncoder encoder = LoadTextEncoder(pipeline, "", tokens);
  if (t5_tokens > 0) {
    return EncodeSeparately(encoder, LoadTextEncoder(pipeline, "_2", t5_tokens), prompts);
  }
  if (pipeline.components.count("text_encoder_2") > 0 && encoder.Has("pooled")) {
    return EncodeJointly(encoder, LoadTextEncoder(pipeline, "_2", tokens), tokens,
                         pipeline.settings.value("force_zeros_for_empty_prompt", false), prompts);
  }
  return EncodeWithOne(encoder, pipeline.class_name == "LattePipeline", prompts);
}

}  // namespace

bool HasTextEncoders(const std::filesystem::path& folder) {
  const Pipeline pipeline = LoadPipeline(folder);
  return !pipeline.NamesOf(ComponentKind::kEncoder).empty() &&
         !pipeline.NamesOf(ComponentKind::kTokenizer).empty();
}

ConditionList EncodePrompts(const std::filesystem::path& folder, const Graph& graph,
                            const std::vector<std::string>& prompts) {
  const Pipeline pipeline = LoadPipeline(folder);
  std::vector<std::string> with_null = prompts;
  with_null.emplace_back();
  Values values = EncodeAll(pipeline, graph, with_null);
  const Shape& sample = graph.node(graph.FindInput("sample")).shape;
  const auto autoencoders = pipeline.NamesOf(ComponentKind::kAutoencoder);
  const auto factor = static_cast<float>(
      autoencoders.empty() ? 1 : AutoencoderFactor(pipeline.Get(autoencoders[0]).folder));
  const float height = factor * static_cast<float>(sample[sample.size() - 3]),
              width = factor * static_cast<float>(sample[sample.size() - 2]);
  // The picture is asked for whole and at its own size.
  const auto for_all = [&](std::vector<float> row) { return TextRows(with_null.size(), row); };
  values["time_ids"] = for_all({height, width, 0, 0, height, width});
  // HunyuanDiT's pipeline says that all pictures were square of this side, whatever it asks for.
  constexpr float kOriginalSide = 1024;
  values["image_meta_size"] = for_all({kOriginalSide, kOriginalSide, height, width, 0, 0});
  values["resolution"] = for_all({height, width});
  values["aspect_ratio"] = for_all({height / width});
  ConditionList list;
  for (const Node* node : FloatConditions(graph)) {
    const auto found = values.find(node->name);
    if (found == values.end() ||
        static_cast<int64_t>(found->second[0].size()) != ElementsOf(node->shape)) {
      throw Error(ErrorCode::kUnsupported, folder.string(),
                  "gives no value to the network's input " + node->name,
                  "encode the prompts elsewhere: --prompts FILE.safetensors with " + node->name +
                      " and null." + node->name);
    }
    list.tensors[node->name] = TensorOf(found->second);
  }
  return list;
}

}  // namespace tmpq
