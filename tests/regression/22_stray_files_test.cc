// Source files lay in the tree that no target built. Here a check, which is also the test `tree`, finds them.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "lib/store/store_test_util.h"

namespace reflex::regression {
namespace {

struct Checked {
  int status = -1;
  std::string out;
};

Checked Check(const std::filesystem::path& root) {
  const std::string command = std::string("python3 " REFLEX_SOURCE_DIR "/tools/check_tree.py ") + root.string() + " 2>&1";
  Checked checked;
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return checked;
  char piece[4096];
  for (std::size_t n = 0; (n = std::fread(piece, 1, sizeof piece, pipe)) > 0;) checked.out.append(piece, n);
  const int status = ::pclose(pipe);
  checked.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return checked;
}

void Write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(StrayFiles, AFileThatNoTargetNamesIsFound) {
  store::TempFolder folder;
  Write(folder.path() / "tests/lib/CMakeLists.txt", "reflex_test(a SOURCES known_test.cc)\n");
  Write(folder.path() / "tests/lib/known_test.cc", "int known;\n");
  const Checked clean = Check(folder.path());
  EXPECT_EQ(clean.status, 0) << clean.out;
  Write(folder.path() / "tests/lib/stray_test.cc", "int stray;\n");
  Write(folder.path() / "lost.cc", "int lost;\n");
  const Checked stray = Check(folder.path());
  EXPECT_EQ(stray.status, 1);
  EXPECT_NE(stray.out.find("tests/lib/stray_test.cc: belongs to no target"), std::string::npos) << stray.out;
  EXPECT_NE(stray.out.find("lost.cc: a source file outside the known folders"), std::string::npos) << stray.out;
  EXPECT_EQ(stray.out.find("known_test.cc"), std::string::npos) << stray.out;
}

TEST(StrayFiles, ThisTreeHasNone) {
  const Checked tree = Check(REFLEX_SOURCE_DIR);
  EXPECT_EQ(tree.out.find("belongs to no target"), std::string::npos) << tree.out;
  EXPECT_EQ(tree.out.find("outside the known folders"), std::string::npos) << tree.out;
}

}  // namespace
}  // namespace reflex::regression
