// JSON through nlohmann-json, with errors that name the place.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "src/core/error.h"

namespace tmpq {

using Json = nlohmann::ordered_json;

// Parses `text`; `where` names the file or field in the error (kInput).
inline Json ParseJson(const std::string& text, const std::string& where) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kInput, where, std::string("is not valid JSON: ") + error.what());
  }
}

// Reads member `key` as a T, or throws kInput naming the key and the place.
template <typename T>
T JsonGet(const Json& object, const std::string& key, const std::string& where) {
  const auto member = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || member == object.end()) {
    throw Error(ErrorCode::kInput, where, "has no member \"" + key + "\"");
  }
  try {
    return member->template get<T>();
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kInput, where, "member \"" + key + "\": " + error.what());
  }
}

}  // namespace tmpq
