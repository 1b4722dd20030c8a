#include "src/text/byte_pairs.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <queue>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/text/special_tokens.h"

namespace tmpq {
namespace {

constexpr const char* kEndOfWord = "</w>";

// The character that stands for a byte: itself where it is printable Latin-1, else the next one
// from U+0100 on; in UTF-8.
std::array<std::string, 256> ByteSymbols() {
  std::array<std::string, 256> symbols;
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool plain = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    const int code = plain ? byte : next++;
    if (code < 128) {
      symbols[byte] = static_cast<char>(code);
    } else {
      symbols[byte] = {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
    }
  }
  return symbols;
}

uint64_t PairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

}  // namespace

BytePairs::BytePairs(const std::filesystem::path& vocabulary, const std::filesystem::path& merges) {
  ReadVocabulary(vocabulary);
  ReadMerges(merges);
  const auto symbols = ByteSymbols();
  for (int byte = 0; byte < 256; ++byte) {
    byte_ids_[byte] = Find(symbols[byte]);
    last_byte_ids_[byte] = Find(symbols[byte] + kEndOfWord);
  }
}

void BytePairs::ReadVocabulary(const std::filesystem::path& path) {
  const std::string text = ReadFile(path, kMostTokenizerBytes);
  // Not core's Json: its objects are lists, which take too long at 50,000 members.
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kInput, path.string(),
                std::string("is not valid JSON: ") + error.what());
  }
  if (!json.is_object() || json.empty()) {
    throw Error(ErrorCode::kInput, path.string(), "is not an object of tokens");
  }
  ids_.reserve(json.size());
  for (const auto& [token, id] : json.items()) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= kMostTokens) {
      throw Error(ErrorCode::kInput, path.string(), "token \"" + token + "\" has a bad id");
    }
    ids_[token] = id.get<int32_t>();
    id_limit_ = std::max(id_limit_, id.get<int32_t>() + 1);
  }
}

void BytePairs::ReadMerges(const std::filesystem::path& path) {
  const std::string text = ReadFile(path, kMostTokenizerBytes);
  int32_t rank = 0;
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
    const size_t space = line.find(' ');
    const std::string left = line.substr(0, space);
    const std::string right = space == std::string::npos ? "" : line.substr(space + 1);
    const int32_t left_id = Find(left), right_id = Find(right), id = Find(left + right);
    if (left_id < 0 || right_id < 0 || id < 0) {
      throw Error(ErrorCode::kInput, path.string() + ": line " + std::to_string(number),
                  "\"" + line.substr(0, 80) + "\" is not a pair of tokens that make a third",
                  "all three have to be in the vocabulary beside it");
    }
    merges_.try_emplace(PairKey(left_id, right_id), Merge{rank++, id});
  }
}

int32_t BytePairs::Find(const std::string& token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? -1 : found->second;
}

const BytePairs::Merge* BytePairs::Find(int32_t left, int32_t right) const {
  const auto found = merges_.find(PairKey(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void BytePairs::Encode(std::string_view word, int32_t unknown, std::vector<int32_t>& ids) const {
  struct Symbol {
    int32_t id, before, after;  // neighbours by index; id of -1: merged away
  };
  const auto count = static_cast<int32_t>(word.size());
  std::vector<Symbol> symbols(count);
  for (int32_t i = 0; i < count; ++i) {
    const auto& table = i + 1 == count ? last_byte_ids_ : byte_ids_;
    const int32_t id = table[static_cast<uint8_t>(word[i])];
    symbols[i] = {id < 0 ? unknown : id, i - 1, i + 1 < count ? i + 1 : -1};
  }
  struct Candidate {
    int32_t rank, at, id;
    // The earliest merge, then the leftmost place, is on top.
    bool operator<(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  std::priority_queue<Candidate> queue;
  const auto consider = [&](int32_t at) {
    if (at < 0 || symbols[at].after < 0) return;
    const Merge* merge = Find(symbols[at].id, symbols[symbols[at].after].id);
    if (merge != nullptr) queue.push({merge->rank, at, merge->id});
  };
  for (int32_t i = 0; i < count; ++i) consider(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.at];
    if (left.id < 0 || left.after < 0) continue;
    const Merge* merge = Find(left.id, symbols[left.after].id);
    if (merge == nullptr || merge->id != best.id) continue;  // its neighbours changed meanwhile
    Symbol& right = symbols[left.after];
    left.id = best.id;
    left.after = right.after;
    if (left.after >= 0) symbols[left.after].before = best.at;
    right.id = -1;
    consider(left.before);
    consider(best.at);
  }
  for (int32_t i = 0; i >= 0 && i < count; i = symbols[i].after) ids.push_back(symbols[i].id);
}

}  // namespace tmpq
