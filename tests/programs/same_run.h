// Two finished searches, compared in everything whose bytes are promised.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "src/core/file.h"
#include "src/core/json.h"
#include "tests/programs/process.h"

namespace tmpq {

// Journal, plan, pictures, supernet; the summary but for its times; and that no other file is left.
inline void ExpectSameRun(const std::filesystem::path& run, const std::filesystem::path& other) {
  for (const char* name :
       {"journal.jsonl", "plan.safetensors", "samples.png", "supernet.safetensors"}) {
    EXPECT_EQ(ReadFile(run / name) == ReadFile(other / name), true) << other << ": " << name;
  }
  Json a = ParseJson(ReadFile(run / "summary.json"), "a"),
       b = ParseJson(ReadFile(other / "summary.json"), "b");
  for (const char* of_machine : {"seconds", "times"}) a.erase(of_machine), b.erase(of_machine);
  EXPECT_EQ(a, b);
  EXPECT_EQ(FilesIn(run), FilesIn(other));
}

}  // namespace tmpq
