#include "src/eval/proxies/prompts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/data/vocabulary.h"
#include "src/eval/models/pipeline_model.h"
#include "src/metrics/temporal.h"

namespace tmpq {

namespace {

// What a pipeline without prompts of its own is asked for.
constexpr const char* kEverydayPrompts[] = {"a photograph of a red bicycle leaning on a white wall",
                                            "a watercolour painting of a lighthouse at dawn",
                                            "two cats asleep on a green sofa",
                                            "a bowl of oranges on a wooden table, studio light",
                                            "an old man playing chess in a park",
                                            "a snowy mountain above a dark lake",
                                            "a small robot watering flowers, detailed illustration",
                                            "a busy street market at night in the rain"};

Prompts PromptsOfPipeline(const Graph& graph, const PromptSource& source) {
  Prompts prompts;
  prompts.texts = source.chosen;
  if (prompts.texts.empty()) {
    prompts.texts.assign(std::begin(kEverydayPrompts), std::end(kEverydayPrompts));
  }
  prompts.conditions = EncodePrompts(source.pipeline, graph, prompts.texts);
  return prompts;
}

Prompts PromptsOfVocabulary(const PromptSource& source) {
  Prompts prompts;
  const Vocabulary vocabulary =
      Vocabulary::FromJson(JsonGet<Json>(source.text, "vocabulary", source.where), source.where);
  prompts.judge = JsonGet<std::string>(source.text, "judge", source.where);
  if (!prompts.judge.empty() && FindWorld(prompts.judge) == nullptr) {
    throw Error(ErrorCode::kUnsupported, source.where,
                "has an unknown judge \"" + prompts.judge + "\"");
  }
  prompts.texts = source.chosen;
  if (prompts.texts.empty()) {
    prompts.texts = JsonGet<std::vector<std::string>>(source.text, "prompts", source.where);
  }
  prompts.conditions.width = vocabulary.tokens();
  for (const std::string& prompt : prompts.texts) {
    const std::vector<int32_t> tokens = vocabulary.Encode(prompt);
    prompts.conditions.values.insert(prompts.conditions.values.end(), tokens.begin(), tokens.end());
  }
  return prompts;
}

}  // namespace

void PromptSource::Read(const std::filesystem::path& path) {
  if (path.extension() == ".safetensors") {
    encoded = path;
    return;
  }
  std::istringstream lines(ReadFile(path));
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) chosen.push_back(line);
  }
  if (chosen.empty()) {
    throw Error(ErrorCode::kUsage, path.string(), "holds no prompt", "one a line is expected");
  }
}

Prompts MakePrompts(const DiffusionSampler& sampler, const PromptSource& source) {
  const Graph& graph = sampler.network().graph();
  Prompts prompts;
  if (!source.encoded.empty()) {
    prompts.conditions = ReadEncodedPrompts(source.encoded, graph);
  } else if (!source.text.is_null()) {
    prompts = PromptsOfVocabulary(source);
  } else if (sampler.takes_tensors() && !source.pipeline.empty()) {
    prompts = PromptsOfPipeline(graph, source);
  } else if (!source.chosen.empty()) {
    throw Error(ErrorCode::kUsage, "prompts", "the model does not take text",
                "use --class, or a text-to-image model");
  } else {
    prompts.conditions = sampler.AllLabels();
  }
  sampler.CheckConditions(prompts.conditions);
  return prompts;
}

double JudgeAlignment(const Prompts& prompts, int64_t index, std::span<const float> sample) {
  TMPQ_CHECK(!prompts.judge.empty(), "nobody judges these prompts");
  const auto count = static_cast<int64_t>(prompts.texts.size());
  return FindWorld(prompts.judge)->Alignment(prompts.texts[index % count], sample);
}

std::vector<double> JudgeAlignments(const Prompts& prompts, std::span<const float> samples,
                                    int64_t elements, int64_t first) {
  std::vector<double> alignments;
  const auto count = static_cast<int64_t>(samples.size()) / elements;
  for (int64_t i = 0; i < count; ++i) {
    alignments.push_back(
        JudgeAlignment(prompts, first + i, samples.subspan(i * elements, elements)));
  }
  return alignments;
}

std::vector<NamedValues> JudgeColumns(const CaptionedWorld& judge,
                                      const std::vector<std::string>& texts,
                                      std::span<const float> samples) {
  const auto elements = static_cast<size_t>(judge.elements());
  const size_t count = samples.size() / elements, attributes = judge.attributes().size();
  const double not_asked = std::numeric_limits<double>::quiet_NaN();
  std::vector<NamedValues> columns;
  for (const CaptionAttribute& attribute : judge.attributes()) {
    columns.push_back({attribute.name, std::vector<double>(count, not_asked)});
  }
  columns.push_back({"all", std::vector<double>(count, 1.0)});
  for (size_t i = 0; i < count; ++i) {
    const AttributeValues wanted = judge.ValuesOfCaption(texts[i % texts.size()]);
    const AttributeValues seen = judge.Judge(samples.subspan(i * elements, elements));
    for (size_t a = 0; a < attributes; ++a) {
      if (wanted[a] < 0) continue;
      columns[a].values[i] = wanted[a] == seen[a];
      if (wanted[a] != seen[a]) columns[attributes].values[i] = 0;
    }
  }
  std::erase_if(columns, [](const NamedValues& column) {
    return std::count_if(column.values.begin(), column.values.end(),
                         [](double value) { return !std::isnan(value); }) < 2;
  });
  return columns;
}

std::map<std::string, Estimate> JudgeAttributes(const Prompts& prompts,
                                                std::span<const float> samples, int64_t count) {
  const CaptionedWorld* world = FindWorld(prompts.judge);
  TMPQ_CHECK(world != nullptr, "nobody judges these prompts");
  const auto size = static_cast<size_t>(count * world->elements());
  std::map<std::string, Estimate> estimates;
  for (const auto& [name, values] : JudgeColumns(*world, prompts.texts, samples.first(size))) {
    estimates[name] = EstimateOfDefined(values);
  }
  return estimates;
}

}  // namespace tmpq
