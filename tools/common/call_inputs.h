// The arguments of one network call, from a safetensors file: names and layouts are those of the
// class that the network comes from (diffusers', OpenSORA's).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/models/checkpoint.h"
#include "src/models/diffusers.h"

namespace tmpq {

// The values of one graph input for the whole batch, in the graph's layout: one of the two.
struct InputValues {
  std::vector<float> floats;
  std::vector<int32_t> integers;
};

// (batch, C, .., W) <-> (batch, .., W, C): samples lie channels first in files.
std::vector<float> MoveChannels(const std::vector<float>& values, int64_t batch, int64_t channels,
                                bool to_last);
Shape ChannelsFirst(const Shape& shape);

class CallInputs {
 public:
  explicit CallInputs(const std::filesystem::path& path) : file_(path, "") {}

  int64_t batch() const;
  // The sizes that the network has to be built for.
  DiffusersOptions Sizes() const;
  // The values of input `node`. A number may be given once for the whole batch; a mask that is left
  // out keeps everything. Throws kInput naming the tensor and the shape that is expected, and
  // kUsage for labels out of range.
  InputValues Read(const Graph& graph, const Node& node) const;
  // Tensors that no input of `graph` reads, separated by commas.
  std::string Unread(const Graph& graph) const;

 private:
  // The first of the input's names that the file has, or "".
  std::string NameOf(const std::string& input) const;
  // Null where the file lacks it.
  const TensorView* Find(const std::string& input) const;
  const TensorView& Get(const std::string& input) const;
  std::string where() const { return file_.path().string(); }

  Checkpoint file_;
};

}  // namespace tmpq
