// EncodePrompts: which text encoder's output is which condition.
#include <algorithm>

#include "src/core/error.h"
#include "src/eval/models/pipeline_model.h"
#include "src/eval/models/text_encoder.h"
#include "src/models/autoencoder.h"
#include "src/models/encoder.h"
#include "src/models/pipeline.h"
#include "src/text/tokenizer.h"

namespace tmpq {
namespace {

// `suffix`: "" or "_2", of the components' names. `tokens`: of a T5's text.
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
std::map<std::string, TextRows> EncodeAll(const Pipeline& pipeline, const Graph& graph,
                                          const std::vector<std::string>& prompts) {
  std::map<std::string, TextRows> values;
  const NodeId states = graph.FindInput("encoder_hidden_states");
  if (states < 0) return values;
  const int64_t tokens = graph.node(states).shape[0];
  const TextEncoder encoder = LoadTextEncoder(pipeline, "", tokens);
  TextRows masks;
  const bool two = pipeline.components.count("text_encoder_2") > 0 && encoder.Has("pooled");
  if (two) {  // SDXL
    const TextEncoder second = LoadTextEncoder(pipeline, "_2", tokens);
    values["encoder_hidden_states"] =
        Joined(encoder.Encode(prompts, "penultimate_hidden_state", 0),
               second.Encode(prompts, "penultimate_hidden_state", 0), tokens);
    values["text_embeds"] = second.Encode(prompts, "pooled", 0);
    if (pipeline.settings.value("force_zeros_for_empty_prompt", false)) {
      for (auto& [name, rows] : values) std::fill(rows.back().begin(), rows.back().end(), 0.0f);
    }
  } else {
    values["encoder_hidden_states"] = encoder.Encode(prompts, "last_hidden_state", 0, &masks);
    if (pipeline.class_name == "LattePipeline") ZeroPadding(values["encoder_hidden_states"], masks);
    values["encoder_attention_mask"] = std::move(masks);
  }
  return values;
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
  std::map<std::string, TextRows> values = EncodeAll(pipeline, graph, with_null);
  const Shape& sample = graph.node(graph.FindInput("sample")).shape;
  const auto autoencoders = pipeline.NamesOf(ComponentKind::kAutoencoder);
  const auto factor = static_cast<float>(
      autoencoders.empty() ? 1 : AutoencoderFactor(pipeline.Get(autoencoders[0]).folder));
  const float height = factor * static_cast<float>(sample[sample.size() - 3]),
              width = factor * static_cast<float>(sample[sample.size() - 2]);
  // The picture is asked for whole and at its own size.
  const auto for_all = [&](std::vector<float> row) { return TextRows(with_null.size(), row); };
  values["time_ids"] = for_all({height, width, 0, 0, height, width});
  values["resolution"] = for_all({height, width});
  values["aspect_ratio"] = for_all({height / width});
  ConditionList list;
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kInput || node.name == "sample" || node.name == "timestep") continue;
    const auto found = values.find(node.name);
    if (found == values.end() ||
        static_cast<int64_t>(found->second[0].size()) != ElementsOf(node.shape)) {
      throw Error(ErrorCode::kUnsupported, folder.string(),
                  "gives no value to the network's input " + node.name,
                  "encode the prompts elsewhere: --prompts FILE.safetensors with " + node.name +
                      " and null." + node.name);
    }
    list.tensors[node.name] = TensorOf(found->second);
  }
  return list;
}

}  // namespace tmpq
