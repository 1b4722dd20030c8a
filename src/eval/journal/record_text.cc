#include "src/eval/journal/record_text.h"

#include <cmath>
#include <limits>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr size_t kChecksumDigits = 32;
constexpr const char* kFormat = "tmpq-journal-1";

}  // namespace

std::string FormatLine(const Json& record) {
  const std::string text = record.dump();
  return text + " " + HashString(text).Hex() + "\n";
}

std::optional<Json> ParseLine(std::string_view line) {
  if (line.size() <= kChecksumDigits) return std::nullopt;
  const size_t text_bytes = line.size() - kChecksumDigits - 1;
  const std::string_view text = line.substr(0, text_bytes);
  if (line[text_bytes] != ' ' || line.substr(text_bytes + 1) != HashString(text).Hex()) {
    return std::nullopt;
  }
  return ParseJson(std::string(text), "journal");
}

Json HeaderToJson(const JournalHeader& header) {
  return {{"record", 0},
          {"format", kFormat},
          {"config", header.config_text},
          {"hashes", header.hashes},
          {"git_revision", header.git_revision}};
}

JournalHeader HeaderFromJson(const Json& json, const std::string& where) {
  const auto format = JsonGet<std::string>(json, "format", where);
  if (format != kFormat) {
    throw Error(ErrorCode::kUnsupported, where, "has format " + format,
                std::string("this program reads ") + kFormat);
  }
  return {JsonGet<std::string>(json, "config", where),
          JsonGet<std::map<std::string, std::string>>(json, "hashes", where),
          JsonGet<std::string>(json, "git_revision", where)};
}

Json RecordToJson(const JournalRecord& record, size_t number) {
  return {{"record", number},
          {"fidelity", static_cast<int>(record.fidelity)},
          {"candidate_hash", record.candidate_hash.Hex()},
          {"candidate", record.candidate},
          {"measurements", MeasurementsToJson(record.measurements)}};
}

JournalRecord RecordFromJson(const Json& json, const std::string& where) {
  JournalRecord record;
  const int fidelity = JsonGet<int>(json, "fidelity", where);
  if (fidelity < static_cast<int>(Fidelity::kPredicted) ||
      fidelity > static_cast<int>(kLastFidelity)) {
    throw Error(ErrorCode::kInput, where, "fidelity " + std::to_string(fidelity) + " is unknown");
  }
  record.fidelity = static_cast<Fidelity>(fidelity);
  record.candidate_hash = HashFromHex(JsonGet<std::string>(json, "candidate_hash", where), where);
  record.candidate = JsonGet<Json>(json, "candidate", where);
  record.measurements = MeasurementsFromJson(JsonGet<Json>(json, "measurements", where), where);
  return record;
}

Json MeasurementsToJson(const Measurements& measurements) {
  Json json = Json::object();
  for (const auto& [name, value] : measurements) json[name] = DoubleToJson(value);
  return json;
}

Measurements MeasurementsFromJson(const Json& json, const std::string& where) {
  Measurements measurements;
  for (const auto& [name, value] : json.items()) {
    measurements[name] = DoubleFromJson(value, where + ": " + name);
  }
  return measurements;
}

Json DoubleToJson(double value) {
  if (std::isfinite(value)) return value;
  if (std::isnan(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

double DoubleFromJson(const Json& json, const std::string& where) {
  if (json.is_number()) return json.get<double>();
  const std::string text = json.is_string() ? json.get<std::string>() : "";
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  throw Error(ErrorCode::kInput, where, "is not a number");
}

}  // namespace tmpq
