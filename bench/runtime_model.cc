#include "bench/runtime_model.h"

#include <cmath>
#include <cstdio>
#include <functional>

#include "src/runtime/op_times.h"

namespace tmpq {

RuntimeModel::RuntimeModel(const RuntimeNetwork& network, const RandomBatch& inputs, int64_t batch,
                           int threads)
    : network_(&network),
      elements_(ElementsOf(network.graph().output_shape())),
      out_(batch * elements_) {
  const int callers = batch < threads ? 1 : threads;
  for (int64_t caller = 0; caller < callers; ++caller) {
    const int64_t first = batch * caller / callers, end = batch * (caller + 1) / callers;
    shares_.push_back({first, inputs.Inputs(network.graph(), first, end - first),
                       network.MakeWorkspace(end - first, threads / callers)});
  }
}

void RuntimeModel::Run(const ActivePolicy& policy) {
  const auto threads = static_cast<int>(shares_.size());
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int thread = 0; thread < threads; ++thread) {
    Share& share = shares_[thread];
    network_->Run(policy, share.inputs, out_.data() + share.first * elements_, share.workspace);
  }
}

Json RuntimeModel::TimeOps(const ActivePolicy& policy, int calls) {
  std::vector<std::vector<double>> seconds(shares_.size(), MakeNodeSeconds(network_->graph()));
  for (size_t i = 0; i < shares_.size(); ++i) shares_[i].workspace.node_seconds = &seconds[i];
  for (int call = 0; call < calls; ++call) Run(policy);
  for (Share& share : shares_) share.workspace.node_seconds = nullptr;
  for (size_t i = 1; i < seconds.size(); ++i) {
    std::transform(seconds[i].begin(), seconds[i].end(), seconds[0].begin(), seconds[0].begin(),
                   std::plus<>());
  }
  const std::vector<OpTime> times = TimesByOp(network_->graph(), seconds[0]);
  double all = 0, products = 0;
  for (const OpTime& time : times) {
    all += time.seconds;
    if (time.product) products += time.seconds;
  }
  double of_conditions = 0;  // what sampling does once, and not in every step
  for (size_t id = 0; id < network_->graph().nodes().size(); ++id) {
    if (network_->IsConstant(static_cast<NodeId>(id)))
      of_conditions += seconds[0][kNodeSecondsCount * id + kWholeNode];
  }
  Json percent = Json::object();
  for (const OpTime& time : times) percent[time.name] = 100 * time.seconds / all;
  return {{"processor_microseconds_a_call", 1e6 * all / calls},
          {"percent", percent},
          {"percent_in_product_kernels", 100 * products / all},
          {"percent_of_conditions_alone", 100 * of_conditions / all}};
}

std::string OpTimesText(const std::vector<std::pair<std::string, Json>>& policies) {
  char cell[64];
  const auto row = [&](const std::string& name, const std::function<std::string(size_t)>& text) {
    std::snprintf(cell, sizeof(cell), "  %-30s", name.c_str());
    std::string line = cell;
    for (size_t i = 0; i < policies.size(); ++i) {
      std::snprintf(cell, sizeof(cell), " %11s", text(i).c_str());
      line += cell;
    }
    return line + "\n";
  };
  const auto percent = [](double value) {
    char text[16];
    std::snprintf(text, sizeof(text), "%.1f", value);
    return std::string(text);
  };
  std::string text = row("% of processor time by op", [&](size_t i) { return policies[i].first; });
  std::map<std::string, double> ops;  // of any policy
  for (const auto& policy : policies) {
    for (const auto& [op, share] : policy.second["percent"].items()) ops[op] += share.get<double>();
  }
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [op, share] : ops) order.emplace_back(-share, op);
  std::sort(order.begin(), order.end());
  for (const auto& [share, op] : order) {
    text +=
        row(op, [&](size_t i) { return percent(policies[i].second["percent"].value(op, 0.0)); });
  }
  return text +
         row("in kernels of products",
             [&](size_t i) {
               return percent(policies[i].second["percent_in_product_kernels"].get<double>());
             }) +
         row("of conditions alone", [&](size_t i) {
           return percent(policies[i].second["percent_of_conditions_alone"].get<double>());
         });
}

double RelativeDifference(std::span<const float> values, std::span<const float> exact) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    difference += std::pow(static_cast<double>(values[i]) - exact[i], 2);
    size += std::pow(static_cast<double>(exact[i]), 2);
  }
  return std::sqrt(difference / size);
}

}  // namespace tmpq
