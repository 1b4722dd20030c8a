#include "src/runtime/plan_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/runtime/sampler.h"
#include "src/supernet/supernet.h"
#include "tests/runtime/small_model.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

class PlanFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = TestPath();
    std::filesystem::create_directories(folder_);
    graph_ = SmallDenoiser();
    parameters_ = RandomParameters(graph_);
    const std::vector<BitWidth> widths = {BitWidth::Of(4), BitWidth::Of(8)};
    Progress silent;
    Supernet::Build(graph_, parameters_, HashString("model"), widths, folder_ / "supernet", silent);
    supernet_ =
        std::make_unique<Supernet>(folder_ / "supernet", graph_, HashString("model"), widths);
    Policy low = UniformPolicy(graph_.sites(), BitWidth::Of(4), BitWidth::Of(4));
    Policy high = low;
    high[0] = high[1] = BitWidth::Float();
    description_.model_name = "small";
    description_.model_hash = HashString("model");
    description_.graph = graph_;
    description_.candidate = Candidate::Make(TimestepSequence({40, 3}, 50), {low, high});
    description_.schedule = NoiseSchedule::Make("linear", 50);
    description_.provenance = {{"seed", 5}};
    WritePlan(folder_ / "plan", description_, parameters_, supernet_->weights());
  }

  std::vector<float> Sample(const PlanDescription& plan, const ParameterSet& parameters,
                            const QuantTable& weights) const {
    const RuntimeNetwork network(plan.graph, parameters, kernels::BestKernels());
    const DiffusionSampler sampler(network, plan.schedule, plan.sampler);
    return sampler.Sample(sampler.Prepare(plan.candidate, &weights),
                          {1, RandomPurpose::kTest, 0, 3, sampler.AllLabels()}, {});
  }

  std::filesystem::path folder_;
  Graph graph_;
  ParameterSet parameters_;
  std::unique_ptr<Supernet> supernet_;
  PlanDescription description_;
};

TEST_F(PlanFileTest, RunsAsTheSupernetDid) {
  const PlanFile plan(folder_ / "plan");
  EXPECT_EQ(plan.description().candidate, description_.candidate);
  EXPECT_EQ(plan.description().schedule.alpha_bar, description_.schedule.alpha_bar);
  EXPECT_EQ(plan.description().graph.hash(), graph_.hash());
  EXPECT_EQ(Sample(plan.description(), plan.parameters(), plan.weights()),
            Sample(description_, parameters_, supernet_->weights()));
}

TEST_F(PlanFileTest, HoldsWhatItsStepsUseAndNoMore) {
  const PlanFile plan(folder_ / "plan");
  EXPECT_TRUE(plan.weights().Has(0, BitWidth::Of(4)));
  EXPECT_FALSE(plan.weights().Has(0, BitWidth::Of(8)));
  EXPECT_TRUE(plan.parameters().Has("patches.weight"));  // float at the second step
  EXPECT_FALSE(plan.parameters().Has("fc1.weight"));
  EXPECT_TRUE(plan.parameters().Has("fc1.bias"));
  // A file that is mapped is not copied.
  EXPECT_EQ(std::as_bytes(plan.parameters().Get("fc1.bias")).data(),
            plan.tensors().at("parameters.fc1.bias").data.data());
}

TEST_F(PlanFileTest, SameArgumentsSameBytes) {
  WritePlan(folder_ / "again", description_, parameters_, supernet_->weights());
  EXPECT_EQ(ReadFile(folder_ / "again"), ReadFile(folder_ / "plan"));
}

TEST_F(PlanFileTest, EveryDamageIsFound) {
  const std::string whole = ReadFile(folder_ / "plan");
  const auto damaged = folder_ / "damaged";
  for (size_t at = 0; at < whole.size(); at += 1 + whole.size() / 200) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    WriteFileAtomically(damaged, bytes);
    EXPECT_THROW(PlanFile{damaged}, Error) << "flipped bit of byte " << at;
    WriteFileAtomically(damaged, std::string_view(whole).substr(0, at));
    EXPECT_THROW(PlanFile{damaged}, Error) << "cut at " << at;
  }
  EXPECT_THROW(PlanFile{folder_ / "supernet"}, Error);
  EXPECT_THROW(PlanFile{folder_ / "nowhere"}, Error);
}

TEST_F(PlanFileTest, SupernetDamageAndForeignModelsAreFound) {
  const std::vector<BitWidth> widths = {BitWidth::Of(4), BitWidth::Of(8)};
  EXPECT_THROW(Supernet(folder_ / "supernet", graph_, HashString("other"), widths), Error);
  EXPECT_THROW(Supernet(folder_ / "supernet", SmallClassifier(), HashString("model"), widths),
               Error);
  EXPECT_THROW(Supernet(folder_ / "supernet", graph_, HashString("model"), {BitWidth::Of(5)}),
               Error);
  std::string bytes = ReadFile(folder_ / "supernet");
  bytes[bytes.size() - 5] = static_cast<char>(bytes[bytes.size() - 5] ^ 1);
  WriteFileAtomically(folder_ / "damaged", bytes);
  EXPECT_THROW(Supernet(folder_ / "damaged", graph_, HashString("model"), widths), Error);
}

TEST_F(PlanFileTest, SupernetBytesDependOnModelAndWidthsAlone) {
  Progress silent;
  Supernet::Build(graph_, parameters_, HashString("model"), {BitWidth::Of(4), BitWidth::Of(8)},
                  folder_ / "again", silent);
  EXPECT_EQ(ReadFile(folder_ / "again"), ReadFile(folder_ / "supernet"));
}

}  // namespace
}  // namespace tmpq
