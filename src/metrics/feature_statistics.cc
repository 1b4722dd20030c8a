#include "src/metrics/feature_statistics.h"

#include <Eigen/Core>
#include <string>

#include "src/core/error.h"
#include "src/core/tensor_file.h"

namespace tmpq {
namespace {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Part of the result's definition (another size rounds differently); 64 rows keep the fold's
// d x d update a small share of the work.
constexpr int64_t kBlockRows = 64;

constexpr const char* kFormat = "tmpq.feature_statistics.1";

void CheckIdentity(const std::string& where, int64_t dimension, Hash128 hash,
                   int64_t expected_dimension, Hash128 expected_hash) {
  if (hash != expected_hash) {
    throw Error(ErrorCode::kInput, where,
                "was made with feature network " + hash.Hex() + ", not " + expected_hash.Hex(),
                "compare features of one network only");
  }
  if (dimension != expected_dimension) {
    throw Error(ErrorCode::kInput, where,
                "has features of dimension " + std::to_string(dimension) + ", not " +
                    std::to_string(expected_dimension));
  }
}

}  // namespace

void CheckComparable(const FeatureStatistics& a, const FeatureStatistics& b) {
  CheckIdentity("feature statistics", a.dimension, a.feature_hash, b.dimension, b.feature_hash);
}

void WriteFeatureStatistics(const FeatureStatistics& statistics,
                            const std::filesystem::path& path) {
  const int64_t d = statistics.dimension;
  TensorFileWriter writer;
  writer.SetMetadata("format", kFormat);
  writer.SetMetadata("count", std::to_string(statistics.count));
  writer.SetMetadata("feature_hash", statistics.feature_hash.Hex());
  writer.AddDoubles("mean", {d}, statistics.mean);
  writer.AddDoubles("covariance", {d, d}, statistics.covariance);
  writer.Write(path);
}

FeatureStatistics ReadFeatureStatistics(const std::filesystem::path& path) {
  const std::string where = path.string();
  const TensorFile file(path);
  if (file.Metadata("format") != kFormat) {
    throw Error(ErrorCode::kInput, where, "holds " + file.Metadata("format"),
                std::string("expected ") + kFormat);
  }
  const auto mean = file.Doubles("mean");
  const auto dimension = static_cast<int64_t>(mean.size());
  const auto covariance = file.Doubles("covariance", {dimension, dimension});
  FeatureStatistics statistics;
  try {
    statistics.count = std::stoll(file.Metadata("count"));
  } catch (const std::exception&) {
    throw Error(ErrorCode::kInput, where, "has a count that is not a number");
  }
  if (statistics.count < 2) throw Error(ErrorCode::kInput, where, "has a count below 2");
  statistics.dimension = dimension;
  statistics.mean.assign(mean.begin(), mean.end());
  statistics.covariance.assign(covariance.begin(), covariance.end());
  statistics.feature_hash = HashFromHex(file.Metadata("feature_hash"), where);
  return statistics;
}

FeatureStatistics ReadFeatureStatistics(const std::filesystem::path& path, int64_t dimension,
                                        Hash128 feature_hash) {
  FeatureStatistics statistics = ReadFeatureStatistics(path);
  CheckIdentity(path.string(), statistics.dimension, statistics.feature_hash, dimension,
                feature_hash);
  return statistics;
}

std::vector<float> FlattenSpatial(std::span<const float> features, ImageShape shape, int64_t kept) {
  TMPQ_CHECK(shape.elements() > 0 && features.size() % shape.elements() == 0 && kept > 0 &&
                 kept <= shape.channels,
             "spatial features do not fit their shape");
  std::vector<float> rows;
  rows.reserve(features.size() / shape.channels * kept);
  for (size_t at = 0; at < features.size(); at += shape.channels)
    rows.insert(rows.end(), features.begin() + at, features.begin() + at + kept);
  return rows;
}

FeatureAccumulator::FeatureAccumulator(int64_t dimension, Hash128 feature_hash)
    : dimension_(dimension), feature_hash_(feature_hash) {
  TMPQ_CHECK(dimension > 0, "features need a dimension");
  total_.mean.assign(dimension, 0.0);
  total_.scatter.assign(dimension * dimension, 0.0);
}

void FeatureAccumulator::Add(std::span<const float> features) {
  TMPQ_CHECK(features.size() % dimension_ == 0, "features do not fit the dimension");
  const size_t block = kBlockRows * dimension_;
  for (size_t begin = 0; begin < features.size();) {
    const size_t taken = std::min(block - pending_.size(), features.size() - begin);
    pending_.insert(pending_.end(), features.begin() + begin, features.begin() + begin + taken);
    begin += taken;
    if (pending_.size() == block) {
      Combine(MomentsOfPending());
      pending_.clear();
    }
  }
}

FeatureAccumulator::Moments FeatureAccumulator::MomentsOfPending() const {
  Moments part;
  part.count = static_cast<int64_t>(pending_.size()) / dimension_;
  part.mean.assign(dimension_, 0.0);
  part.scatter.assign(dimension_ * dimension_, 0.0);
  if (part.count == 0) return part;
  const Eigen::Map<const RowMatrix> rows(pending_.data(), part.count, dimension_);
  Eigen::Map<Eigen::RowVectorXd> mean(part.mean.data(), dimension_);
  for (int64_t i = 0; i < part.count; ++i) mean += rows.row(i);
  mean /= static_cast<double>(part.count);
  const RowMatrix centred = rows.rowwise() - mean;
  Eigen::Map<RowMatrix>(part.scatter.data(), dimension_, dimension_).noalias() =
      centred.transpose() * centred;
  return part;
}

// Chan, Golub and LeVeque (1979): moments of a union from the moments of its parts.
void FeatureAccumulator::Combine(const Moments& part) {
  if (part.count == 0) return;
  const auto before = static_cast<double>(total_.count), added = static_cast<double>(part.count);
  const double after = before + added;
  Eigen::Map<Eigen::VectorXd> mean(total_.mean.data(), dimension_);
  Eigen::Map<RowMatrix> scatter(total_.scatter.data(), dimension_, dimension_);
  const Eigen::VectorXd delta =
      Eigen::Map<const Eigen::VectorXd>(part.mean.data(), dimension_) - mean;
  scatter += Eigen::Map<const RowMatrix>(part.scatter.data(), dimension_, dimension_);
  scatter.noalias() += delta * ((before * added / after) * delta).transpose();
  mean += delta * (added / after);
  total_.count += part.count;
}

void FeatureAccumulator::Merge(const FeatureAccumulator& other) {
  CheckIdentity("feature statistics", other.dimension_, other.feature_hash_, dimension_,
                feature_hash_);
  Combine(MomentsOfPending());
  pending_.clear();
  // Taken before combining, so that a statistic can be merged with itself.
  const Moments tail = other.MomentsOfPending();
  const Moments total = other.total_;
  Combine(total);
  Combine(tail);
}

int64_t FeatureAccumulator::count() const {
  return total_.count + static_cast<int64_t>(pending_.size()) / dimension_;
}

FeatureStatistics FeatureAccumulator::Finish() const {
  if (count() < 2) {
    throw Error(ErrorCode::kInput, "feature statistics",
                "need at least 2 samples, got " + std::to_string(count()));
  }
  FeatureAccumulator whole = *this;
  whole.Combine(MomentsOfPending());
  FeatureStatistics statistics{whole.total_.count, dimension_, std::move(whole.total_.mean),
                               std::move(whole.total_.scatter), feature_hash_};
  const auto freedom = static_cast<double>(statistics.count - 1);
  for (double& value : statistics.covariance) value /= freedom;
  return statistics;
}

}  // namespace tmpq
