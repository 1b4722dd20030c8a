#include "src/eval/workers/protocol.h"

namespace tmpq {
namespace {

constexpr const char* kWhere = "message of a rank";

template <typename Enum>
Enum EnumOf(const Json& json, const char* key, Enum last) {
  const int value = JsonGet<int>(json, key, kWhere);
  if (value < 0 || value > static_cast<int>(last)) {
    throw Error(ErrorCode::kInput, kWhere, std::string("has no such ") + key,
                "all ranks run the same program");
  }
  return static_cast<Enum>(value);
}

}  // namespace

std::string EncodeMessage(const JobMessage& message) {
  Json json = {{"kind", static_cast<int>(message.kind)}};
  switch (message.kind) {
    case MessageKind::kSetup:
      json["content"] = message.content;
      break;
    case MessageKind::kTask:
    case MessageKind::kAnswer:
      json["task"] = message.task;
      json["content"] = message.content;
      break;
    case MessageKind::kCancel:
    case MessageKind::kStopped:
      json["task"] = message.task;
      break;
    case MessageKind::kFailed:
      json["code"] = static_cast<int>(message.code);
      json["text"] = message.text;
      break;
    case MessageKind::kReady:
    case MessageKind::kStop:
    case MessageKind::kBye:
      break;
  }
  return json.dump();
}

JobMessage DecodeMessage(std::string_view bytes) {
  const Json json = ParseJson(std::string(bytes), kWhere);
  JobMessage message;
  message.kind = EnumOf(json, "kind", MessageKind::kBye);
  switch (message.kind) {
    case MessageKind::kSetup:
      message.content = JsonGet<Json>(json, "content", kWhere);
      break;
    case MessageKind::kTask:
    case MessageKind::kAnswer:
      message.task = JsonGet<int64_t>(json, "task", kWhere);
      message.content = JsonGet<Json>(json, "content", kWhere);
      break;
    case MessageKind::kCancel:
    case MessageKind::kStopped:
      message.task = JsonGet<int64_t>(json, "task", kWhere);
      break;
    case MessageKind::kFailed:
      message.code = EnumOf(json, "code", ErrorCode::kInterrupted);
      message.text = JsonGet<std::string>(json, "text", kWhere);
      break;
    case MessageKind::kReady:
    case MessageKind::kStop:
    case MessageKind::kBye:
      break;
  }
  return message;
}

}  // namespace tmpq
