#include "src/eval/driver/search_bench.h"

#include <algorithm>

#include "kernels/include/kernels.h"
#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/file.h"
#include "src/eval/driver/bench_settings.h"
#include "src/eval/latency/latency_table.h"
#include "src/eval/models/any_model.h"
#include "src/eval/models/pipeline_model.h"
#include "src/eval/proxies/losses.h"
#include "src/models/split_concatenation.h"
#include "src/models/stress.h"
#include "src/runtime/device/device_sampling.h"

namespace tmpq {
namespace {

std::vector<BitWidth> Widths(const std::vector<int>& bits) {
  std::vector<BitWidth> widths;
  for (const int b : bits) widths.push_back(BitWidth::Of(b));
  return widths;
}

// The same with no choice of bit-widths but those of the naive candidate.
SpaceSettings AtNaiveBits(const SiteTable& sites, SpaceSettings settings) {
  const Candidate naive = SearchSpace(sites, settings).Naive();
  const auto only = [&](bool weights, std::vector<BitWidth>& bits) {
    for (size_t s = 0; s < sites.sites.size(); ++s) {
      const QuantSite& site = sites.sites[s];
      const bool is_weight = site.kind == SiteKind::kWeight;
      if (site.keep_float || is_weight != weights || site.kind == SiteKind::kSoftmax) continue;
      bits = {naive.policy(0)[s]};
      return;
    }
  };
  only(true, settings.weight_bits), only(false, settings.activation_bits);
  settings.group_bits.clear();
  return settings;
}

}  // namespace

void PrepareRunFolder(const SearchSession& session, std::vector<std::string> names) {
  const bool exists =
      std::filesystem::exists(session.out) && !std::filesystem::is_empty(session.out);
  if (exists && !session.resume && !session.overwrite) {
    throw Error(ErrorCode::kUsage, session.out.string(), "exists",
                "--resume goes on with it, --overwrite replaces it, or name another --out");
  }
  PrepareFolder(session.out);
  if (!session.overwrite) return;
  const std::vector<std::string> own = SearchBench::ArtefactNames();
  names.insert(names.end(), own.begin(), own.end());
  for (const std::string& name : names) std::filesystem::remove(session.out / name);
}

SearchBench::SearchBench(const SearchConfig& config, const SearchSession& session)
    : config_(config), session_(session) {
  model_ = LoadAnyModel(config_.model, session_.bundled);
  recipe_ = FindRecipe(config_.recipe);
  if (config_.stress) model_ = StressVariant(model_);
  if (recipe_.split_concatenations) model_ = SplitConcatenations(model_);
  const std::string where = "model " + model_.name;
  schedule_ = ScheduleOf(model_);
  sampler_settings_ = SamplerSettingsFor(model_, config_);
  scheme_ = SchemeOf(recipe_, model_.graph, schedule_.training_steps());
  sites_ = WithScheme(model_.graph.sites(), scheme_);
  const NodeId sample = model_.graph.FindInput("sample");
  if (sample < 0) throw Error(ErrorCode::kInput, where, "has no input sample");
  measured_ = OpenMeasuredSpace(config_.feature_net, config_.reference, model_.sampling,
                                model_.graph.node(sample).shape, where, session_.bundled);
  hashes_ = {{"model", model_.hash.Hex()},
             {"recipe", HashString(recipe_.Text()).Hex()},
             {"feature_net", features().hash().Hex()}};
  const ReferenceDistribution& reference = measured_.reference;
  if (reference.statistics != nullptr) hashes_["statistics"] = reference.hash;
  OpenRounding();
  OpenLatency();
  OpenTextEncoder();
  if (!config_.prompts.empty()) {
    hashes_["prompts"] = HashString(ReadFile(config_.prompts)).Hex();
  }
  if (!config_.sensitivity.empty()) {
    hashes_["sensitivity"] = HashString(ReadFile(config_.sensitivity)).Hex();
  }
  MakeSpaces();
  CheckLatency();
  CheckCosts();
}

// Costs that are objectives have to be known.
void SearchBench::CheckCosts() const {
  std::vector<std::string> costs = CostsAmong(config_.Minimized());
  const std::vector<std::string> more = CostsAmong(ObjectivesOf(config_));
  costs.insert(costs.end(), more.begin(), more.end());
  const Costs known = space().CostsOf(space().Naive());
  for (const std::string& name : costs) {
    if (HasCost(known, *FindCostKind(name))) continue;
    throw Error(ErrorCode::kUsage, "minimize or objectives",
                "ask for " + name + ", which is not known of a network that was not timed",
                "--latency FILE, made by tmpq-bench latency");
  }
}

void SearchBench::OpenRounding() {
  if (config_.rounding.empty()) return;
  if (recipe_.rounding != "adaround") {
    throw Error(
        ErrorCode::kUsage, "rounding",
        "is of no use to recipe " + config_.recipe + ", whose rounding is " + recipe_.rounding,
        "a recipe with rounding = adaround, such as q-diffusion");
  }
  rounding_ = LearnedRounding::Load(config_.rounding, model_.hash, recipe_);
  hashes_["rounding"] = TensorFile(config_.rounding).hash().Hex();
}

void SearchBench::OpenLatency() {
  if (config_.latency.empty()) return;
  const LatencyTable table = LatencyTable::Load(config_.latency);
  const auto check = [&](const char* what, const std::string& timed, const std::string& own) {
    if (timed == own) return;
    throw Error(ErrorCode::kInput, config_.latency, std::string("was timed with another ") + what,
                "time this one with tmpq-bench latency --model " + config_.model + " --recipe " +
                    config_.recipe);
  };
  check("model", table.model_hash, hashes_.at("model"));
  check("recipe", table.recipe_hash, hashes_.at("recipe"));
  sites_ = WithLatency(std::move(sites_), table, config_.latency);
  hashes_["latency"] = HashString(ReadFile(config_.latency)).Hex();
}

// Operands do not mix, but for float inputs of integer weights where candidates have them.
bool SearchBench::IsFloatInput(const SiteProduct& product, BitWidth left, BitWidth right) const {
  if (product.left_site < 0 || product.right_site < 0 || left.is_float() || !right.is_float())
    return false;
  const auto& choices = space().ChoicesOf(product.right_site);
  return sites_.sites[product.left_site].kind == SiteKind::kWeight &&
         std::find(choices.begin(), choices.end(), right) != choices.end();
}

// Of candidates, baselines and the float model.
void SearchBench::CheckLatency() const {
  const auto widths_of = [&](int site) {
    if (site < 0) return std::vector<BitWidth>{BitWidth::Float()};
    std::vector<BitWidth> widths = space().ChoicesOf(site);
    if (!sites_.sites[site].keep_float)
      widths.insert(widths.end(), {BitWidth::Of(4), BitWidth::Of(8)});
    widths.push_back(BitWidth::Float());
    return widths;
  };
  for (const SiteProduct& product : sites_.products) {
    if (product.nanoseconds.empty()) continue;
    for (const BitWidth left : widths_of(product.left_site)) {
      for (const BitWidth right : widths_of(product.right_site)) {
        if (left.is_float() != right.is_float() && !IsFloatInput(product, left, right)) continue;
        if (product.nanoseconds.count({left.bits(), right.bits()}) > 0) continue;
        throw Error(ErrorCode::kInput, config_.latency,
                    "has not timed " + sites_.sites[product.left_site].name + " at " + left.Name() +
                        " x " + right.Name() + " bits",
                    "tmpq-bench latency with more --bits");
      }
    }
  }
}

void SearchBench::MakeSpaces() {
  SpaceSettings settings;
  settings.mode = ParseSpaceMode(config_.mode);
  settings.grouping = ParseGrouping(config_.grouping);
  settings.ties = ParseSiteTies(config_.ties);
  settings.training_steps = schedule_.training_steps();
  settings.calls_per_step = sampler_settings_.calls_per_step();
  settings.weight_bits = Widths(config_.weight_bits);
  settings.activation_bits = Widths(config_.activation_bits);
  settings.group_bits = ParseBitsOfGroups(config_.group_bits);
  CheckGroupBits(settings);
  CheckRange("steps", config_.steps.most, 1, settings.training_steps);
  // Relative budgets are of the whole network in integers, whatever the recipe keeps in float.
  settings.budget = Budget::Parse(
      config_.budget, {&model_.graph.sites(), config_.steps.most, settings.training_steps,
                       settings.calls_per_step, !config_.latency.empty()});
  settings.fill_budget = CostsAmong(config_.Minimized()).empty();
  for (settings.steps = config_.steps.least; settings.steps <= config_.steps.most;
       ++settings.steps) {
    if (config_.optimize == kOptimizeBits) {
      settings.fixed_timesteps = {UniformTimesteps(settings.steps, settings.training_steps)};
    }
    spaces_[settings.steps] = std::make_unique<SearchSpace>(
        sites_, config_.optimize == kOptimizeTimesteps ? AtNaiveBits(sites_, settings) : settings);
  }
}

void SearchBench::OpenTextEncoder() {
  const std::string name =
      config_.text_encoder.empty()
          ? TextEncoderOf(model_.sampling, "model " + model_.name, session_.bundled)
          : config_.text_encoder;
  if (name.empty()) return;
  encoder_ = AlignmentEncoder::Open(name, session_.bundled);
  hashes_["text_encoder"] = encoder_->hash().Hex();
}

// With one sample first, so that what does not fit is found before the search.
void SearchBench::UseTextEncoder() {
  if (!encoder_.has_value()) return;
  const std::vector<std::string>& texts = evaluator_settings_.prompts.texts;
  if (texts.empty()) {
    if (config_.text_encoder.empty()) return;
    throw Error(ErrorCode::kUsage, "text_encoder", "has no texts to compare with",
                "the model is not sampled by prompts in words");
  }
  const Pictures blank =
      DecodeSamples(evaluator_settings_.pipeline, std::vector<float>(sampler_->sample_elements()),
                    sampler_->sample_shape(), 1);
  encoder_->Similarities(blank.values, blank.shape, texts, 1);
  evaluator_settings_.encoder = &*encoder_;
}

void SearchBench::OpenSampler() {
  network_ = std::make_unique<RuntimeNetwork>(
      model_.graph, model_.parameters,
      session_.kernels != nullptr ? *session_.kernels : kernels::BestKernels());
  sampler_ = std::make_unique<DiffusionSampler>(*network_, schedule_, sampler_settings_);
  evaluator_settings_ = EvaluatorSettingsFor(config_, session_);
  if (session_.device != nullptr) {
    evaluator_settings_.network_calls = MakeDeviceCalls(
        *network_, *session_.device, evaluator_settings_.batch * sampler_->calls_per_step());
  }
  PromptSource source{"model " + model_.name, TextOf(model_.sampling), PipelineOf(model_), {}, {}};
  if (!config_.prompts.empty()) source.Read(config_.prompts);
  evaluator_settings_.prompts = MakePrompts(*sampler_, source);
  evaluator_settings_.pipeline = PipelineOf(model_);
  UseTextEncoder();
  CheckLosses(evaluator_settings_, sampler_->sample_shape());
}

Candidate SearchBench::UniformCandidate(int bits) const {
  return Candidate::Uniform(UniformTimesteps(config_.steps.most, schedule_.training_steps()),
                            UniformPolicy(sites_, BitWidth::Of(bits), BitWidth::Of(bits)));
}

std::vector<Candidate> SearchBench::UniformCandidates() const {
  std::vector<Candidate> candidates = {space().Naive()};
  for (const int bits : config_.weight_bits) {
    const auto& choices = config_.activation_bits;
    if (std::find(choices.begin(), choices.end(), bits) == choices.end()) continue;
    const Candidate candidate = UniformCandidate(bits);
    if (space().Fits(candidate) && !(candidate == candidates.front()))
      candidates.push_back(candidate);
  }
  return candidates;
}

}  // namespace tmpq
