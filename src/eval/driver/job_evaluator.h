// A search over the ranks of a job: what rank 0 evaluates with, and what the others do.
#pragma once

#include <memory>

#include "src/eval/driver/search_bench.h"
#include "src/eval/workers/rank_server.h"

namespace tmpq {

// The evaluator of a bench that is open, showing its progress in `images`; both outlive it.
// `interrupted` is the flag that it polls.
std::unique_ptr<RuntimeEvaluator> OpenRuntimeEvaluator(const SearchBench& bench,
                                                       const std::atomic<bool>* interrupted,
                                                       ImageProgress& images);

// Rank 0's evaluator: spreads candidates over all ranks of session.ranks, its own included, and
// counts their images in `images`. All three outlive it.
std::unique_ptr<Evaluator> OpenJobEvaluator(const SearchBench& bench, const SearchSession& session,
                                            ImageProgress& images);

// Another rank's work: opens the config's bench as soon as rank 0 has made the run's folder ready,
// reading what is there, and evaluates until rank 0 says stop. Throws as SearchBench does, kIo when
// the folder's files do not appear, kInput when they are others than rank 0's.
void ServeSearch(const SearchConfig& config, const SearchSession& session, RankServer& server);

}  // namespace tmpq
