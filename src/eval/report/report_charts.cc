#include "src/eval/report/report_charts.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "src/core/error.h"
#include "src/eval/proxies/measurement_names.h"
#include "src/eval/report/heat_map.h"
#include "src/eval/report/html.h"
#include "src/eval/report/svg_chart.h"
#include "src/eval/results/run_reader.h"
#include "src/plan/timesteps.h"

namespace tmpq {
namespace {

// Of the baselines; others have the last.
ChartSeries SeriesOf(const std::string& name) {
  static const std::map<std::string, std::pair<int, ChartMarker>> kLooks = {
      {"float", {0, ChartMarker::kDiamond}},
      {"naive", {3, ChartMarker::kCross}},
      {"w4a4", {2, ChartMarker::kTriangle}},
      {"w8a8", {1, ChartMarker::kSquare}},
      {"plan", {4, ChartMarker::kCircle}}};
  const auto found = kLooks.find(name);
  if (found == kLooks.end()) return {name, 5, ChartMarker::kCircle, false};
  return {name, found->second.first, found->second.second, false};
}

std::vector<double> AsDoubles(const std::vector<int>& values) {
  return {values.begin(), values.end()};
}

struct Point {
  double bitops, distance;
  std::string name;
};

// Measured at Fidelity::kMetrics, in the run's order.
std::vector<Point> Searched(const RunRecord& run, double unit) {
  std::vector<Point> points;
  for (const RunEvaluation& evaluation : run.evaluations) {
    const auto distance = evaluation.measurements.find(kDistance);
    if (evaluation.fidelity != Fidelity::kMetrics || distance == evaluation.measurements.end()) {
      continue;
    }
    points.push_back({evaluation.costs.bitops / unit, distance->second,
                      "distance " + ShortNumber(distance->second) + ", BitOps " +
                          ShortNumber(evaluation.costs.bitops / unit) + ", " +
                          std::to_string(evaluation.candidate.steps()) + " steps"});
  }
  return points;
}

// Those that no other beats in both.
std::vector<Point> FrontOf(std::vector<Point> points) {
  std::stable_sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
    return std::pair(a.bitops, a.distance) < std::pair(b.bitops, b.distance);
  });
  std::vector<Point> front;
  for (const Point& point : points) {
    if (front.empty() || point.distance < front.back().distance) front.push_back(point);
  }
  return front;
}

std::vector<double> Column(const std::vector<Point>& points, double Point::*member) {
  std::vector<double> values;
  for (const Point& point : points) values.push_back(point.*member);
  return values;
}

std::vector<const Candidate*> FrontCandidates(const RunRecord& run) {
  std::vector<const Candidate*> candidates;
  for (const RunFront& front : run.fronts) {
    if (front.fidelity != Fidelity::kMetrics) continue;
    for (const int64_t index : front.evaluations) {
      candidates.push_back(&run.evaluations[index].candidate);
    }
  }
  return candidates;
}

// As many bins as uniform steps visit twice each.
std::vector<double> DensityEdges(int steps, int total) {
  const int bins = std::max(1, steps / 2);
  std::vector<double> edges;
  for (int i = 0; i <= bins; ++i) edges.push_back(static_cast<double>(total) * i / bins);
  return edges;
}

// Candidates count alike, however many steps they have.
std::vector<double> Density(const std::vector<const Candidate*>& candidates,
                            const std::vector<double>& edges) {
  const size_t bins = edges.size() - 1;
  std::vector<double> heights(bins);
  for (const Candidate* candidate : candidates) {
    for (const int t : candidate->timesteps().values()) {
      const auto bin = static_cast<size_t>(t / edges.back() * static_cast<double>(bins));
      heights[std::min(bin, bins - 1)] +=
          static_cast<double>(bins) / candidate->steps() / static_cast<double>(candidates.size());
    }
  }
  return heights;
}

// Sites of one half: by layer group, then in the network's order.
std::vector<size_t> SitesOf(const RunRecord& run, bool weights) {
  std::vector<size_t> sites;
  for (size_t s = 0; s < run.sites.size(); ++s) {
    if ((run.sites[s].kind == SiteKind::kWeight) == weights) sites.push_back(s);
  }
  std::stable_sort(sites.begin(), sites.end(),
                   [&](size_t a, size_t b) { return run.sites[a].group < run.sites[b].group; });
  return sites;
}

}  // namespace

int TrainingStepsOf(const RunRecord& run) {
  const RunBaseline* exact = FindBaseline(run, "float");
  int last = exact != nullptr ? exact->candidate.timesteps()[0] : 0;
  for (const RunBaseline& baseline : run.baselines) {
    last = std::max(last, baseline.candidate.timesteps()[0]);
  }
  return last + 1;
}

std::vector<const RunBaseline*> OrderedBaselines(const RunRecord& run) {
  std::vector<const RunBaseline*> ordered;
  for (const RunBaseline& baseline : run.baselines) ordered.push_back(&baseline);
  const auto rank = [](const RunBaseline* baseline) {
    const std::vector<std::string> kFirst = {"float", "naive", "w4a4", "w8a8"};
    if (baseline->name == "plan") return kFirst.size() + 1;
    return static_cast<size_t>(std::find(kFirst.begin(), kFirst.end(), baseline->name) -
                               kFirst.begin());
  };
  std::stable_sort(ordered.begin(), ordered.end(),
                   [&](const RunBaseline* a, const RunBaseline* b) { return rank(a) < rank(b); });
  return ordered;
}

std::string FrontChart(const RunRecord& run, int64_t& left_out) {
  const RunBaseline* w8a8 = FindBaseline(run, "w8a8");
  const double unit = w8a8 != nullptr ? w8a8->costs.bitops : 1;
  const std::vector<Point> searched = Searched(run, unit), front = FrontOf(searched);
  // Cheap candidates may be far away: the axis is made for the rows of the report.
  std::vector<double> x = Column(searched, &Point::bitops), y;
  for (const RunBaseline* baseline : OrderedBaselines(run)) {
    const auto found = baseline->metrics.find(kDistance);
    if (found == baseline->metrics.end()) continue;
    x.push_back(baseline->costs.bitops / unit);
    y.push_back(found->second.low), y.push_back(1.2 * found->second.high);
  }
  const ChartAxis x_axis = ChartAxis::Of(
      w8a8 != nullptr ? "BitOps relative to W8A8" : "BitOps per sample", x, false, true);
  const ChartAxis y_axis = ChartAxis::Of("distance (lower is better)",
                                         y.empty() ? Column(front, &Point::distance) : y, true);
  SvgChart chart("Pareto front: distance against BitOps", x_axis, y_axis);
  std::vector<std::string> names;
  for (const Point& point : searched) names.push_back(point.name);
  chart.Points(Column(searched, &Point::bitops), Column(searched, &Point::distance),
               {"searched", 6, ChartMarker::kDot, false}, names);
  left_out = std::count_if(searched.begin(), searched.end(), [&](const Point& point) {
    return !(point.distance >= y_axis.low && point.distance <= y_axis.high);
  });
  chart.Steps(Column(front, &Point::bitops), Column(front, &Point::distance),
              {"front (search noise)", 5, ChartMarker::kNone, false});
  for (const RunBaseline* baseline : OrderedBaselines(run)) {
    const auto found = baseline->metrics.find(kDistance);
    if (found == baseline->metrics.end()) continue;
    const double at[] = {baseline->costs.bitops / unit}, value[] = {found->second.value};
    const ChartSeries series = SeriesOf(baseline->name);
    chart.Interval(at[0], found->second.low, found->second.high, series);
    const std::string name[] = {baseline->name + ": " + ShortNumber(value[0])};
    chart.Points(at, value, series, name);
  }
  return chart.Render();
}

std::string HypervolumeChart(const RunRecord& run) {
  std::vector<double> evaluations(run.history.evaluations.begin(), run.history.evaluations.end());
  ChartAxis x = ChartAxis::Of("candidates scored by the search", evaluations, true);
  x.whole = true;
  SvgChart chart("Hypervolume over evaluations", x,
                 ChartAxis::Of("hypervolume, share of the box", run.history.hypervolume));
  chart.Steps(evaluations, run.history.hypervolume,
              {"front of the search", 4, ChartMarker::kDot, false});
  return chart.Render();
}

std::string TimestepChart(const RunRecord& run) {
  const RunBaseline* plan = FindBaseline(run, "plan");
  if (plan == nullptr) return "";
  const int total = TrainingStepsOf(run), steps = plan->candidate.steps();
  std::vector<double> numbers(steps);
  std::iota(numbers.begin(), numbers.end(), 1);
  ChartAxis x = ChartAxis::Of("step", numbers);
  x.whole = true;
  const std::vector<double> ends = {0, static_cast<double>(total)};
  SvgChart chart("Timesteps of the plan, uniform and quadratic", x,
                 ChartAxis::Of("training timestep (noise above)", ends, true));
  chart.Line(numbers, AsDoubles(UniformTimesteps(steps, total).values()),
             {"uniform", 0, ChartMarker::kTick, false});
  try {
    const TimestepSequence quadratic =
        TimestepGroups::Make(Grouping::kQuadratic, steps, total).FirstOfEach();
    chart.Line(numbers, AsDoubles(quadratic.values()),
               {"quadratic (TMPQ-DM)", 2, ChartMarker::kCross, false});
  } catch (const Error&) {  // so many groups lose some
  }
  chart.Line(numbers, AsDoubles(plan->candidate.timesteps().values()),
             {"plan", 4, ChartMarker::kCircle, false});
  return chart.Render();
}

std::string TimestepDensityChart(const RunRecord& run) {
  const RunBaseline* plan = FindBaseline(run, "plan");
  const std::vector<const Candidate*> candidates = FrontCandidates(run);
  if (plan == nullptr || candidates.empty()) return "";
  const int total = TrainingStepsOf(run);
  const std::vector<double> edges = DensityEdges(plan->candidate.steps(), total);
  const std::vector<double> heights = Density(candidates, edges);
  const double top = std::max(1.0, *std::max_element(heights.begin(), heights.end()));
  SvgChart chart("Density of timesteps among the candidates of the front",
                 {"training timestep", 0, static_cast<double>(total), false, true},
                 {"visits relative to uniform", 0, 1.25 * top, false, false});
  chart.Bars(edges, heights,
             {"front, " + std::to_string(candidates.size()) + " candidates", 5,
              ChartMarker::kSquare, false});
  const std::vector<double> ones(2, 1.0), ends = {0, static_cast<double>(total)};
  chart.Line(ends, ones, {"uniform", 0, ChartMarker::kNone, true});
  const std::vector<double> visited = AsDoubles(plan->candidate.timesteps().values());
  chart.Points(visited, std::vector<double>(visited.size(), 1.12 * top),
               {"plan", 4, ChartMarker::kTick, false});
  return chart.Render();
}

std::string BitsChart(const RunRecord& run, bool weights) {
  const RunBaseline* plan = FindBaseline(run, "plan");
  if (plan == nullptr) return "";
  const Candidate& candidate = plan->candidate;
  HeatMap map;
  map.description = weights ? "Bit-widths of weights" : "Bit-widths of activations";
  map.column_title = "at training timesteps";
  std::vector<const Policy*> policies;
  for (int first = 0, last; first < candidate.steps(); first = last + 1) {
    last = first;
    while (last + 1 < candidate.steps() &&
           candidate.policy_index(last + 1) == candidate.policy_index(first)) {
      ++last;
    }
    const std::string from = std::to_string(candidate.timesteps()[first]);
    map.columns.push_back(
        last == first ? from : from + " to " + std::to_string(candidate.timesteps()[last]));
    map.column_widths.push_back(last - first + 1);
    policies.push_back(&candidate.policy(first));
  }
  for (const size_t s : SitesOf(run, weights)) {
    const std::string& name = run.sites[s].name;
    map.rows.push_back(weights ? run.sites[s].layer : name);
    map.groups.push_back(NameOf(run.sites[s].group));
    map.bits.emplace_back();
    for (const Policy* policy : policies) map.bits.back().push_back((*policy)[s].bits());
  }
  return RenderHeatMap(map);
}

}  // namespace tmpq
