// Private to the run file: what its parts share.
#pragma once

#include <string>
#include <vector>

#include "src/eval/results/hdf5_file.h"
#include "src/eval/results/run_file.h"

namespace tmpq {

// Units and meaning of a cost or measurement; the record has to know it.
Quantity QuantityOf(const RunRecord& record, const std::string& name);
void SetFidelity(Hdf5Writer& file, const std::string& path, Fidelity fidelity);
void SetObjectives(Hdf5Writer& file, const std::string& path, const RunRecord& record,
                   const std::vector<std::string>& objectives);

// /history, and /selection where finalists were compared.
void WriteHistory(Hdf5Writer& file, const RunRecord& record);
void WriteSelection(Hdf5Writer& file, const RunRecord& record);

}  // namespace tmpq
