// A journal's lines: JSON, one space, 32 hexadecimal digits of the JSON text's hash.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/core/json.h"
#include "src/eval/journal/journal.h"

namespace tmpq {

// The line of a record, with its newline.
std::string FormatLine(const Json& record);
// The record of a line (without newline), or nothing when the checksum does not match.
std::optional<Json> ParseLine(std::string_view line);

Json HeaderToJson(const JournalHeader& header);
JournalHeader HeaderFromJson(const Json& json, const std::string& where);
Json RecordToJson(const JournalRecord& record, size_t number);
JournalRecord RecordFromJson(const Json& json, const std::string& where);

// {name: number}, exactly. Throws kInput naming `where` and the name.
Json MeasurementsToJson(const Measurements& measurements);
Measurements MeasurementsFromJson(const Json& json, const std::string& where);

// Doubles round-trip exactly: finite ones as shortest decimal numbers, others as "inf", "-inf" and
// "nan", which JSON has no numbers for.
Json DoubleToJson(double value);
double DoubleFromJson(const Json& json, const std::string& where);

}  // namespace tmpq
