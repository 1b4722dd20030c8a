#include "src/search/space_settings.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <sstream>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr const char* kModeNames[] = {"free", "groupwise", "consistent", "groupwise-consistent"};
constexpr const char* kTieNames[] = {"none", "qkv", "layer", "group"};
constexpr LayerGroup kLastGroup = LayerGroup::kEmbedding;

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

std::optional<LayerGroup> GroupByName(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(kLastGroup); ++i) {
    if (name == NameOf(static_cast<LayerGroup>(i))) return static_cast<LayerGroup>(i);
  }
  return std::nullopt;
}

std::string GroupNames() {
  std::string names;
  for (int i = 0; i <= static_cast<int>(kLastGroup); ++i) {
    names += (i > 0 ? ", " : "") + std::string(NameOf(static_cast<LayerGroup>(i)));
  }
  return names;
}

// "3,4,8", ascending; with `floats` also 32.
std::vector<BitWidth> ParseWidths(const std::string& list, bool floats, const std::string& where) {
  std::vector<BitWidth> widths;
  for (const std::string& text : Split(list, ',')) {
    if (floats && text == std::to_string(BitWidth::kFloatBits)) {
      widths.push_back(BitWidth::Float());
      continue;
    }
    if (text.size() != 1 || text[0] < '2' || text[0] > '8') {
      throw Error(ErrorCode::kUsage, where, "\"" + text + "\" is no candidate bit-width",
                  floats ? "2 to 8, or 32 for float activations" : "2 to 8");
    }
    widths.push_back(BitWidth::Of(text[0] - '0'));
  }
  if (widths.empty())
    throw Error(ErrorCode::kUsage, where, "names no bit-width", "for example 4,8");
  std::sort(widths.begin(), widths.end());
  if (std::adjacent_find(widths.begin(), widths.end()) != widths.end()) {
    throw Error(ErrorCode::kUsage, where, "names a bit-width twice");
  }
  return widths;
}

}  // namespace

SpaceMode ParseSpaceMode(const std::string& name) {
  for (int i = 0; i < static_cast<int>(std::size(kModeNames)); ++i) {
    if (name == kModeNames[i]) return static_cast<SpaceMode>(i);
  }
  throw Error(ErrorCode::kUsage, "mode", "\"" + name + "\" is unknown",
              "free, groupwise, consistent or groupwise-consistent");
}

const char* NameOf(SpaceMode mode) { return kModeNames[static_cast<int>(mode)]; }

SiteTies ParseSiteTies(const std::string& name) {
  for (int i = 0; i < static_cast<int>(std::size(kTieNames)); ++i) {
    if (name == kTieNames[i]) return static_cast<SiteTies>(i);
  }
  throw Error(ErrorCode::kUsage, "ties", "\"" + name + "\" is unknown",
              "none, qkv, layer or group");
}

const char* NameOf(SiteTies ties) { return kTieNames[static_cast<int>(ties)]; }

BitsOfGroups ParseBitsOfGroups(const std::string& text) {
  BitsOfGroups bits;
  for (const std::string& part : Split(text, ';')) {
    const std::string where = "group_bits: " + part;
    const size_t equals = part.find('=');
    const std::string key = part.substr(0, equals);
    const size_t dot = key.find('.');
    const std::string side = dot == std::string::npos ? "" : key.substr(dot + 1);
    const std::optional<LayerGroup> group = GroupByName(key.substr(0, dot));
    if (!group.has_value()) {
      throw Error(ErrorCode::kUsage, where, "names no layer group", "one of " + GroupNames());
    }
    if (equals == std::string::npos ||
        !(side.empty() || side == "weights" || side == "activations"))
      throw Error(ErrorCode::kUsage, where, "is not understood",
                  "GROUP=4,8, GROUP.weights=4,8 or GROUP.activations=4,8");
    const std::vector<BitWidth> widths =
        ParseWidths(part.substr(equals + 1), side == "activations", where);
    GroupBits& own = bits[*group];
    const bool weights = side != "activations", activations = side != "weights";
    if ((weights && !own.weight_bits.empty()) || (activations && !own.activation_bits.empty())) {
      throw Error(ErrorCode::kUsage, where, "was given before");
    }
    if (weights) own.weight_bits = widths;
    if (activations) own.activation_bits = widths;
  }
  return bits;
}

std::vector<BitWidth> ChoicesFor(const QuantSite& site, const std::vector<BitWidth>& weight_bits,
                                 const std::vector<BitWidth>& activation_bits) {
  if (site.keep_float) return {BitWidth::Float()};
  if (site.kind == SiteKind::kWeight) return weight_bits;
  if (site.kind == SiteKind::kActivation) return activation_bits;
  std::vector<BitWidth> integers = activation_bits;  // attention's operands are float together
  std::erase(integers, BitWidth::Float());
  if (integers.empty()) return {BitWidth::Float()};
  if (site.kind == SiteKind::kSoftmax) return {BitWidth::Of(8)};
  return integers;
}

void CheckGroupBits(const SpaceSettings& settings) {
  const auto check = [](const std::vector<BitWidth>& own, const std::vector<BitWidth>& packed,
                        const char* list) {
    for (const BitWidth width : own) {
      if (std::find(packed.begin(), packed.end(), width) != packed.end()) continue;
      throw Error(ErrorCode::kUsage, "group_bits",
                  "has " + width.Name() + (width.is_float() ? "" : " bits"),
                  std::string("one of ") + list);
    }
  };
  for (const auto& [group, bits] : settings.group_bits) {
    check(bits.weight_bits, settings.weight_bits, "weight_bits");
    check(bits.activation_bits, settings.activation_bits, "activation_bits");
  }
}

}  // namespace tmpq
