#include "src/eval/proxies/prompts.h"

#include <sstream>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/data/captioned_world.h"
#include "src/data/vocabulary.h"
#include "src/metrics/psnr.h"

namespace tmpq {

Prompts MakePrompts(const DiffusionSampler& sampler, const Json& text,
                    const std::vector<std::string>& chosen, const std::string& where) {
  Prompts prompts;
  if (text.is_null()) {
    if (!chosen.empty()) {
      throw Error(ErrorCode::kUsage, "prompts", "the model does not take text",
                  "use --class, or a text-to-image model");
    }
    prompts.conditions = sampler.AllLabels();
    return prompts;
  }
  const Vocabulary vocabulary =
      Vocabulary::FromJson(JsonGet<Json>(text, "vocabulary", where), where);
  prompts.judge = JsonGet<std::string>(text, "judge", where);
  if (!prompts.judge.empty() && FindWorld(prompts.judge) == nullptr) {
    throw Error(ErrorCode::kUnsupported, where, "has an unknown judge \"" + prompts.judge + "\"");
  }
  prompts.texts =
      chosen.empty() ? JsonGet<std::vector<std::string>>(text, "prompts", where) : chosen;
  prompts.conditions.width = vocabulary.tokens();
  for (const std::string& prompt : prompts.texts) {
    const std::vector<int32_t> tokens = vocabulary.Encode(prompt);
    prompts.conditions.values.insert(prompts.conditions.values.end(), tokens.begin(), tokens.end());
  }
  sampler.CheckConditions(prompts.conditions);
  return prompts;
}

std::vector<std::string> ReadPrompts(const std::filesystem::path& path) {
  std::istringstream lines(ReadFile(path));
  std::vector<std::string> prompts;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) prompts.push_back(line);
  }
  if (prompts.empty()) {
    throw Error(ErrorCode::kUsage, path.string(), "holds no prompt", "one a line is expected");
  }
  return prompts;
}

double JudgeAlignment(const Prompts& prompts, int64_t index, std::span<const float> sample) {
  TMPQ_CHECK(!prompts.judge.empty(), "nobody judges these prompts");
  const auto count = static_cast<int64_t>(prompts.texts.size());
  return FindWorld(prompts.judge)->Alignment(prompts.texts[index % count], sample);
}

std::map<std::string, Estimate> JudgeAttributes(const Prompts& prompts,
                                                std::span<const float> samples, int64_t count) {
  const CaptionedWorld* world = FindWorld(prompts.judge);
  TMPQ_CHECK(world != nullptr, "nobody judges these prompts");
  const auto elements = static_cast<size_t>(world->elements());
  std::map<std::string, std::vector<double>> shown;
  for (int64_t i = 0; i < count; ++i) {
    const AttributeValues wanted = world->ValuesOfCaption(prompts.texts[i % prompts.texts.size()]);
    const AttributeValues seen = world->Judge(samples.subspan(i * elements, elements));
    bool all = true;
    for (size_t a = 0; a < wanted.size(); ++a) {
      if (wanted[a] < 0) continue;
      shown[world->attributes()[a].name].push_back(wanted[a] == seen[a]);
      all = all && wanted[a] == seen[a];
    }
    shown["all"].push_back(all);
  }
  std::map<std::string, Estimate> estimates;
  for (const auto& [name, values] : shown) {
    if (values.size() > 1) estimates[name] = EstimateMean(values);
  }
  return estimates;
}

}  // namespace tmpq
