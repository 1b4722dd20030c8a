#include "src/core/progress.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace tmpq {
namespace {

// What a progress wrote, stage after stage.
class TerminalProgressTest : public testing::Test {
 protected:
  ~TerminalProgressTest() override {
    std::fclose(file_);
    std::free(text_);
  }

  std::string Written() {
    std::fflush(file_);
    return {text_, size_};
  }

  char* text_ = nullptr;
  size_t size_ = 0;
  std::FILE* file_ = open_memstream(&text_, &size_);
  TerminalProgress progress_{file_, /*terminal=*/false};
};

TEST_F(TerminalProgressTest, AStageSaysItsShare) {
  progress_.Begin("packing", 8, "layers");
  progress_.Update(2);
  progress_.End();
  EXPECT_NE(Written().find("packing: 8 layers\npacking:  25% 2/8 layers, "), std::string::npos)
      << Written();
  EXPECT_EQ(Written().find("run "), std::string::npos);
}

TEST_F(TerminalProgressTest, StagesOfARunSayTheRunsShare) {
  progress_.BeginRun(400, "images");
  progress_.Begin("packing", 8, "layers");  // another unit: no part of it
  progress_.Update(8);
  progress_.End();
  progress_.Begin("searching", 200, "images");
  progress_.Update(100);
  progress_.End();  // nothing more to ask for: it is done
  const std::string first = Written();
  EXPECT_NE(first.find("100/200 images, "), std::string::npos) << first;
  EXPECT_NE(first.find("; run 25%, ETA "), std::string::npos) << first;
  progress_.Begin("reporting", 200, "images");
  progress_.Update(50);
  progress_.End();
  const std::string second = Written().substr(first.size());
  EXPECT_NE(second.find("; run 62%, ETA "), std::string::npos) << second;
  const size_t before = Written().size();
  progress_.Begin("too much", 100, "images");
  progress_.Update(100);
  progress_.End();
  EXPECT_NE(Written().find("; run 100%\n", before), std::string::npos) << Written();
}

}  // namespace
}  // namespace tmpq
