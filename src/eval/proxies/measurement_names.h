// Names of what candidates are measured by, in journals, files and reports.
#pragma once

namespace tmpq {

inline constexpr const char* kTrajectoryError = "trajectory_error";
inline constexpr const char* kDistance = "distance";
inline constexpr const char* kPsnrToFloat = "psnr_to_float";
inline constexpr const char* kPsnrToConverged = "psnr_to_converged";
inline constexpr const char* kDistanceMinusNaive = "distance_minus_naive";
inline constexpr const char* kDistanceMinusFloat = "distance_minus_float";
inline constexpr const char* kTextAlignment = "text_alignment";
inline constexpr const char* kTextSimilarity = "text_similarity";
inline constexpr const char* kTextSimilarityToFloat = "text_similarity_minus_float";
// Losses: minimised and not negative.
inline constexpr const char* kErrorToFloat = "error_to_float";
inline constexpr const char* kTextAlignmentLoss = "text_alignment_loss";
inline constexpr const char* kTextSimilarityLoss = "text_similarity_loss";
inline constexpr const char* kTemporalConsistencyLoss = "temporal_consistency_loss";
// Of clips.
inline constexpr const char* kTemporalConsistency = "temporal_consistency";
inline constexpr const char* kFrameDifferenceToFloat = "frame_difference_minus_float";
inline constexpr const char* kFlowScoreToFloat = "flow_score_minus_float";
inline constexpr const char* kWarpingError = "warping_error";

}  // namespace tmpq
