// A network as data: typed nodes in topological order, with named parameters and quantization
// sites.
//
// Every executor (LibTorch, the CPU runtime) interprets the same list, so an op means the same
// everywhere; OpKind's comments are the definition. Shapes are per sample, row-major, channels
// last; the batch dimension is implicit. A Graph is immutable once built and const-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "src/core/hash.h"
#include "src/core/json.h"
#include "src/plan/quant_site.h"

namespace tmpq {

using NodeId = int;
using Shape = std::vector<int64_t>;

int64_t ElementsOf(const Shape& shape);
std::string ShapeText(const Shape& shape);

// x: first input; C: channels (last dimension); "..": any leading dimensions. Parameters "bias"
// (and a layer norm's "weight") exist where the attribute says so. Names are part of the file
// format.
enum class OpKind : uint8_t {
  kInput,         // a tensor from outside, found by the node's name
  kLinear,        // (.., K) -> (.., N): x weight' + bias; parameters weight [N, K], bias [N]
  kConv2d,        // (.., H, W, C) -> (.., H', W', N); weight [N, window's height, width, C], bias
                  // [N]; zero padding
  kLayerNorm,     // over C, epsilon; affine: times weight [C] plus bias [C]
  kGroupNorm,     // (.., C) over (.., C/groups) per group; parameters weight [C], bias [C]
  kModulate,      // (x, shift (C), scale (C)) -> x (1 + scale) + shift
  kGatedAdd,      // (x, gate (C), y) -> x + gate y
  kAdd,           // (x, y) -> x + y; y's shape is x's or x's last dimensions
  kAddParameter,  // x + parameter "weight" of shape dims (default: x's), x's last dimensions
  kSilu,          // x sigmoid(x)
  kGelu,          // tanh approximation
  kSlice,         // channels [offset, offset + size)
  kAttention,     // (q (.., Tq, C), k (.., Tk, C), v (.., Tk, C)[, mask (Tk)][, bias]) -> (.., Tq,
                  // C): softmax(q k' score_scale + bias) v per head; score_scale of 0: 1 /
                  // sqrt(C/heads); bias (heads, Tq, Tk) with score_bias only; k and v may lack the
                  // leading dimensions and are then shared; keys whose mask is 0 are left out, and
                  // with causal those after the query
  kPatchify,      // (.., H, W, C) -> (.., H/p W/p, p p C), features ordered (row, column, channel)
  kUnpatchify,    // inverse of kPatchify to (.., height, width, C)
  kTimestepEmbedding,  // numbers t (..) -> (.., features): cos(t f_i) then sin(t f_i) (sin_first:
                       // reversed), f_i = 10000^(-i / (features/2 - frequency_shift))
  kLabelEmbedding,     // integers (..) -> (.., features): rows of parameter weight [size, features]
  kMeanPool,           // (.., C) -> (C): mean over everything but channels
  kMultiply,           // (x, y) -> x y; y's shape is x's or x's last dimensions
  kScale,              // x factor
  kGeluErf,            // x/2 (1 + erf(x / sqrt(2)))
  kConcat,             // (.., A), (.., B), .. -> (.., A + B + ..)
  kReshape,            // same elements in the same order, as dims
  kPermute,            // output dimension i is x's dimension dims[i]
  kUpsample,           // (.., H, W, C) -> (.., 2 H, 2 W, C): each pixel four times
  kParameter,          // no input: parameter "weight" of shape dims, the same for every sample
  kRmsNorm,            // x / sqrt(mean over C of x^2 + epsilon), times weight [C]
  kQuickGelu,          // x sigmoid(1.702 x)
  kSelectRow,          // (x (T, C), integer scalar i) -> (C): row i of x
  kRotary,  // (x (.., T, C), angles (T, C/heads)) -> (.., T, C): per head, token t's channel pair
            // (a, b) becomes (a cos - b sin, b cos + a sin); row t of angles is (cos, sin) by pair
  kReplaceRows,   // (x (.., T, C), mask (T), y (.., T, C)) -> row t is x's where the mask is not 0,
                  // else y's
  kRelu,          // max(x, 0)
  kMaxPool,       // (.., H, W, C) -> (.., H', W', C): largest of each window's pixels within x
  kAveragePool,   // the same, their mean
  kFrameWindows,  // (T, .., C) -> (T', .., kernel C): each window's frames side by side; zero
                  // padding
};
const char* NameOf(OpKind kind);

// What an op needs beyond its inputs; fields that an op does not use stay at their defaults.
struct Attributes {
  int64_t features = 0;  // linear, conv2d: N; label embedding: width; timestep embedding: width
  int64_t kernel = 0;    // conv2d, pools: side of the window; frame windows: its frames
  int64_t stride = 1;    // conv2d, pools, frame windows
  int64_t padding = 0;   // conv2d, frame windows: zeros on each side; pools: how far windows reach
  bool end_padding_only = false;   // conv2d: zeros below and to the right only
  int64_t groups = 0;              // group norm
  int64_t heads = 0;               // attention, rotary
  int64_t patch = 0;               // patchify, unpatchify: side p
  int64_t height = 0;              // unpatchify
  int64_t width = 0;               // unpatchify
  int64_t offset = 0;              // slice
  int64_t size = 0;                // slice: channels; label embedding: number of rows
  double epsilon = 0;              // norms
  double factor = 0;               // scale
  double frequency_shift = 0;      // timestep embedding
  bool sin_first = false;          // timestep embedding
  bool bias = true;                // linear, conv2d
  bool affine = false;             // layer norm
  std::vector<int64_t> dims = {};  // reshape, permute, add_parameter, parameter
  bool quantized = false;          // linear, conv2d, attention: has quantization sites
  int64_t group = static_cast<int64_t>(LayerGroup::kEmbedding);  // LayerGroup of the sites
  double score_scale = 0;      // attention: what scores are multiplied with; 0: 1 / sqrt(C/heads)
  bool score_bias = false;     // attention: the last input is added to the scores
  bool causal = false;         // attention: keys after the query are left out
  int64_t kernel_width = 0;    // conv2d, pools: the window's width; 0: kernel, then its height only
  int64_t padding_width = -1;  // conv2d, pools: padding left and right; -1: padding
  int64_t end_padding = 0;     // conv2d, max pool, frame windows: so much more of it at the ends

  int64_t window_width() const { return kernel_width > 0 ? kernel_width : kernel; }
  int64_t side_padding() const { return padding_width >= 0 ? padding_width : padding; }

  template <typename V>
  void ForEachField(V&& visit) {
    visit("features", features), visit("kernel", kernel), visit("stride", stride);
    visit("padding", padding), visit("groups", groups), visit("heads", heads);
    visit("patch", patch), visit("height", height), visit("width", width);
    visit("offset", offset), visit("size", size), visit("epsilon", epsilon);
    visit("end_padding_only", end_padding_only), visit("factor", factor);
    visit("frequency_shift", frequency_shift), visit("sin_first", sin_first);
    visit("bias", bias), visit("affine", affine), visit("dims", dims);
    visit("quantized", quantized), visit("group", group);
    visit("score_scale", score_scale), visit("score_bias", score_bias), visit("causal", causal);
    visit("kernel_width", kernel_width), visit("padding_width", padding_width);
    visit("end_padding", end_padding);
  }
};

// A parameter's name is "<node>.<role>", role being "weight" or "bias".
struct Node {
  OpKind kind = OpKind::kInput;
  std::string name;
  std::vector<NodeId> inputs;
  Attributes attributes;
  Shape shape;                              // of the output, per sample
  std::map<std::string, Shape> parameters;  // role -> shape
  int first_site = -1;  // linear, conv2d: weight then activation; attention: q, k, v, softmax
  int64_t macs = 0;     // per sample
};

class Graph {
 public:
  const std::string& name() const { return name_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(NodeId id) const { return nodes_[id]; }
  NodeId output() const { return output_; }
  const Shape& output_shape() const { return nodes_[output_].shape; }
  // The input node called `name`, or -1.
  NodeId FindInput(const std::string& name) const;
  const SiteTable& sites() const { return sites_; }
  // Full parameter names in node order.
  const std::vector<std::pair<std::string, Shape>>& parameters() const { return parameters_; }
  int64_t parameter_count() const;
  int64_t macs() const;
  // Hash of the structure (not of the weights): a plan fits a graph exactly when these are equal.
  Hash128 hash() const;

  // The same network with the node called `output` as its output, and only what that needs.
  // Throws kInput.
  Graph CutAfter(const std::string& output) const;

  Json ToJson() const;
  // Rebuilds and re-checks every node. Throws kInput naming node and `where`.
  static Graph FromJson(const Json& json, const std::string& where);

 private:
  friend class GraphBuilder;
  std::string name_;
  std::vector<Node> nodes_;
  NodeId output_ = -1;
  SiteTable sites_;
  std::vector<std::pair<std::string, Shape>> parameters_;
};

}  // namespace tmpq
