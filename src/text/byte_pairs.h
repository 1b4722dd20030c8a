// Byte-level byte-pair encoding (Sennrich et al., arXiv 1508.07909; Radford et al. 2019).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tmpq {

// A vocabulary and the merges that make its longer tokens, the earlier ones first. Const-safe.
class BytePairs {
 public:
  // vocab.json: {token: id}, where bytes are written as printable characters and the last token of
  // a word ends in "</w>"; merges.txt: a pair of tokens a line. Throws kIo, kInput naming the line.
  BytePairs(const std::filesystem::path& vocabulary, const std::filesystem::path& merges);

  // The id of `token`, or -1.
  int32_t Find(const std::string& token) const;
  int32_t id_limit() const { return id_limit_; }
  // Appends the ids of a word's bytes, `unknown` for bytes that the vocabulary lacks. Time grows as
  // n log n.
  void Encode(std::string_view word, int32_t unknown, std::vector<int32_t>& ids) const;

 private:
  struct Merge {
    int32_t rank, id;
  };
  void ReadVocabulary(const std::filesystem::path& path);
  void ReadMerges(const std::filesystem::path& path);
  // What the neighbours become, or null.
  const Merge* Find(int32_t left, int32_t right) const;

  std::unordered_map<std::string, int32_t> ids_;
  std::unordered_map<uint64_t, Merge> merges_;  // by left and right id
  std::array<int32_t, 256> byte_ids_, last_byte_ids_;
  int32_t id_limit_ = 0;
};

}  // namespace tmpq
