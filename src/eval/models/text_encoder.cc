#include "src/eval/models/text_encoder.h"

#include <omp.h>

#include <algorithm>

#include "kernels/include/kernels.h"
#include "src/core/error.h"
#include "src/models/clip.h"
#include "src/runtime/call_threads.h"

namespace tmpq {

void CheckTokenizer(const Tokenizer& tokenizer, const Graph& graph, const std::string& where) {
  const NodeId ids = graph.FindInput("input_ids");
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kLabelEmbedding || node.inputs[0] != ids) continue;
    if (tokenizer.id_limit() <= node.attributes.size) continue;
    throw Error(ErrorCode::kInput, where,
                "knows " + std::to_string(node.attributes.size) + " tokens, its tokenizer " +
                    std::to_string(tokenizer.id_limit()),
                "tokenizer and text encoder have to be of one model");
  }
}

TextEncoder::TextEncoder(std::unique_ptr<Tokenizer> tokenizer, Encoder encoder)
    : tokenizer_(std::move(tokenizer)), encoder_(std::move(encoder)) {
  for (const auto& [output, graph] : encoder_.outputs) {
    CheckTokenizer(*tokenizer_, graph, encoder_.class_name);
  }
}

TextRows TextEncoder::Encode(const std::vector<std::string>& prompts, const std::string& output,
                             int threads, TextRows* masks) const {
  const Graph& graph = encoder_.outputs.at(output);
  const RuntimeNetwork network(graph, encoder_.parameters, kernels::BestKernels());
  const ActivePolicy policy = network.ActivateFloat();
  const int64_t tokens = graph.node(graph.FindInput("input_ids")).shape[0];
  const auto count = static_cast<int64_t>(prompts.size());
  std::vector<TokenizedText> texts;
  for (const std::string& prompt : prompts) texts.push_back(tokenizer_->Encode(prompt, tokens));
  const CallThreads divided =
      DivideThreads(network, count, 1, threads > 0 ? threads : omp_get_max_threads());
  std::vector<Workspace> workspaces;
  for (int i = 0; i < divided.callers; ++i) {
    workspaces.push_back(network.MakeWorkspace(1, divided.per_call));
  }
  TextRows rows(count), floats(count);
#pragma omp parallel for num_threads(divided.callers) schedule(dynamic, 1)
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<int32_t>& ids = texts[i].ids;
    floats[i].assign(texts[i].mask.begin(), texts[i].mask.end());
    const auto eos = static_cast<int32_t>(ClipEosPosition(ids, encoder_.eos_token));
    rows[i].resize(ElementsOf(graph.output_shape()));
    network.Run(policy,
                {1,
                 {{"attention_mask", floats[i].data()}},
                 {{"input_ids", ids.data()}, {"eos_position", &eos}}},
                rows[i].data(), workspaces[omp_get_thread_num()]);
  }
  if (masks != nullptr) *masks = std::move(floats);
  return rows;
}

}  // namespace tmpq
