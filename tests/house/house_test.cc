// Rules of the source tree that no compiler checks.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "src/core/file.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

const fs::path& Root() {
  static const fs::path root = TMPQ_SOURCE_DIR;
  return root;
}

// Source files below the given folders, relative to the root.
std::vector<fs::path> SourcesIn(std::initializer_list<const char*> folders) {
  std::vector<fs::path> files;
  for (const char* folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(Root() / folder)) {
      const std::string extension = entry.path().extension();
      if (extension == ".cc" || extension == ".h" || extension == ".cu")
        files.push_back(fs::relative(entry.path(), Root()));
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// "src/plan/costs.h" -> "plan", "kernels/cpu/rows.h" -> "kernels", "" for other headers.
std::string LayerOf(const std::string& path) {
  if (path.rfind("kernels/", 0) == 0) return "kernels";
  if (path.rfind("src/", 0) != 0) return "";
  return path.substr(4, path.find('/', 4) - 4);
}

// The include edges that cmake/TmpqLayers.cmake allows.
std::map<std::string, std::set<std::string>> AllowedEdges() {
  std::map<std::string, std::set<std::string>> edges;
  const std::string text = ReadFile(Root() / "cmake/TmpqLayers.cmake");
  const std::regex layer("\n *tmpq_layer\\(([a-z ]+)\\)");
  for (std::sregex_iterator it(text.begin(), text.end(), layer), end; it != end; ++it) {
    std::istringstream words((*it)[1]);
    std::string name, dependency;
    words >> name;
    edges[name] = {name};
    while (words >> dependency) edges[name].insert(dependency);
  }
  return edges;
}

std::vector<std::string> IncludesOf(const fs::path& file) {
  std::vector<std::string> includes;
  const std::string text = ReadFile(Root() / file);
  const std::regex include("(?:^|\n) *# *include *[<\"]([^>\"]+)[>\"]");
  for (std::sregex_iterator it(text.begin(), text.end(), include), end; it != end; ++it)
    includes.push_back((*it)[1]);
  return includes;
}

TEST(HouseTest, IncludesFollowTheLayers) {
  const auto edges = AllowedEdges();
  ASSERT_GE(edges.size(), 14u);
  int seen = 0;
  for (const fs::path& file : SourcesIn({"src", "kernels"})) {
    const std::string layer = LayerOf(file);
    ASSERT_TRUE(edges.count(layer)) << file << " is in no layer of cmake/TmpqLayers.cmake";
    for (const std::string& include : IncludesOf(file)) {
      const std::string target = LayerOf(include);
      if (target.empty()) continue;
      ++seen;
      EXPECT_TRUE(edges.at(layer).count(target))
          << file.string() << " includes " << include << ", but " << layer << " may not include "
          << target;
      EXPECT_TRUE(fs::exists(Root() / include)) << file.string() << ": " << include;
    }
  }
  EXPECT_GT(seen, 100);
}

TEST(HouseTest, LibTorchStaysInFewSources) {
  const std::regex torch("^(torch|ATen|c10)/.*");
  for (const fs::path& file : SourcesIn({"src", "kernels", "tools", "bench", "tests"})) {
    for (const std::string& include : IncludesOf(file)) {
      if (!std::regex_match(include, torch)) continue;
      const std::string path = file.string();
      const bool allowed = path.rfind("src/torch/", 0) == 0 || path.rfind("src/train/", 0) == 0 ||
                           path.rfind("bench/", 0) == 0 || path.rfind("tests/torch/", 0) == 0;
      EXPECT_TRUE(allowed && file.extension() == ".cc") << path << " includes " << include;
    }
  }
}

// Code built for wider vectors must not lend templates to other translation units. The emulated
// device is built for the baseline only.
TEST(HouseTest, KernelsIncludeNoStandardTemplates) {
  const std::set<std::string> plain = {"immintrin.h", "math.h", "stddef.h", "stdint.h", "string.h"};
  for (const fs::path& file : SourcesIn({"kernels"})) {
    if (file.string().rfind("kernels/emulation/", 0) == 0) continue;
    for (const std::string& include : IncludesOf(file)) {
      EXPECT_TRUE(LayerOf(include) == "kernels" || plain.count(include))
          << file.string() << " includes " << include;
    }
  }
}

TEST(HouseTest, HeadersAreGuardedOnce) {
  for (const fs::path& file : SourcesIn({"src", "kernels", "tools", "bench", "tests"})) {
    if (file.extension() != ".h") continue;
    EXPECT_NE(ReadFile(Root() / file).find("\n#pragma once\n"), std::string::npos) << file;
  }
}

// Tests of a suite run side by side, each in its process: files of one name would meet.
TEST(HouseTest, TestsWriteToPathsOfTheirOwn) {
  const std::regex shared(
      "TempD"
      "ir\\(|temp_directory_"
      "path\\(");
  for (const fs::path& file : SourcesIn({"tests"})) {
    const std::string path = file.string();
    if (path == "tests/test_path.h" || path.rfind("tests/programs/", 0) == 0) continue;
    EXPECT_FALSE(std::regex_search(ReadFile(Root() / file), shared)) << path << ": TestPath()";
  }
}

// What a fresh machine does not have: paths of this one, and package hosts.
TEST(HouseTest, FilesNameNoMachineAndNoPackageHost) {
  const std::regex forbidden(
      "/wor"
      "k/|/roo"
      "t/|/hom"
      "e/|pypi\\.(org|io)|files\\.pythonhosted|deb\\.debian|download\\.pytorch");
  for (const char* folder : {"src", "kernels", "tools", "bench", "tests", "scripts", "cmake",
                             "docs", "checkpoints", ".ci"}) {
    for (const auto& entry : fs::recursive_directory_iterator(Root() / folder)) {
      const std::string extension = entry.path().extension();
      if (!entry.is_regular_file() || extension == ".safetensors" || extension == ".png" ||
          extension == ".csv")
        continue;
      std::smatch match;
      const std::string text = ReadFile(entry.path());
      EXPECT_FALSE(std::regex_search(text, match, forbidden))
          << entry.path() << ": " << match.str();
    }
  }
}

}  // namespace
}  // namespace tmpq
