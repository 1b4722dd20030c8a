// What samples are asked to show: labels in turn, or prompts, and who judges whether they do.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/data/captioned_world.h"
#include "src/metrics/estimate.h"
#include "src/runtime/sampler.h"

namespace tmpq {

// Sample i is conditioned on conditions.row(i), whose text is texts[i % texts.size()].
struct Prompts {
  ConditionList conditions;
  std::vector<std::string> texts;  // empty for labels
  std::string judge;  // of text alignment: a world of src/data/captioned_world.h, or empty
};

// What a network's prompts are made of.
struct PromptSource {
  std::string where;  // names the model in errors
  // Of the model's sampling settings: {"vocabulary", "prompts", "judge"}; null where the network
  // does not read words.
  Json text;
  std::filesystem::path pipeline;   // whose text encoders read prompts; empty: none
  std::vector<std::string> chosen;  // instead of the model's own
  std::filesystem::path encoded;    // instead of any text: src/eval/models/pipeline_model.h

  // `path`: a text file, one prompt a line, empty lines skipped; or encoded prompts in a
  // .safetensors file. Throws kIo, kUsage when there is none.
  void Read(const std::filesystem::path& path);
};

// Throws kUsage for prompts that a network does not take or know; as EncodePrompts does.
Prompts MakePrompts(const DiffusionSampler& sampler, const PromptSource& source);

// How much of its prompt sample `index` shows, in [0, 1]; what the prompt leaves open does not
// count. Requires a judge.
double JudgeAlignment(const Prompts& prompts, int64_t index, std::span<const float> sample);
// That of each of the samples, from sample `first` on.
std::vector<double> JudgeAlignments(const Prompts& prompts, std::span<const float> samples,
                                    int64_t elements, int64_t first = 0);

// Values of one kind, one a sample.
struct NamedValues {
  std::string name;
  std::vector<double> values;
};

// Whether each of the samples shows what its text, texts[i % texts.size()], asks for: 1 or 0 by
// attribute, and in "all" of it at once; NaN where the text does not ask. Attributes that fewer
// than two samples ask for are left out.
std::vector<NamedValues> JudgeColumns(const CaptionedWorld& judge,
                                      const std::vector<std::string>& texts,
                                      std::span<const float> samples);

// Share of samples that show what their prompt asks for, by attribute, and "all" of it at once,
// each over the samples whose prompt asks; attributes that fewer than two samples ask for are left
// out. `samples` holds `count` of them. Requires a judge.
std::map<std::string, Estimate> JudgeAttributes(const Prompts& prompts,
                                                std::span<const float> samples, int64_t count);

}  // namespace tmpq
