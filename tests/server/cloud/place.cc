#include "place.h"

#include <cstdlib>
#include <iostream>
#include <sstream>

#include "child.h"
#include "fake_clouds.h"

namespace reflex::test {
namespace {

class FilePlace final : public Place {
 public:
  std::string target() const override { return "file://" + (folder_ / "made/later").string(); }

 private:
  CloudFolder folder_;
};

class GooglePlace final : public Place {
 public:
  GooglePlace() {
    world.options.endpoint = fake_.url();
    world.options.metadata_endpoint = fake_.url();
  }
  std::string target() const override { return "gs://bkt/some/prefix"; }

 private:
  FakeGoogle fake_;
};

class S3Place final : public Place {
 public:
  S3Place() {
    world.options.endpoint = fake_.url();
    world.options.part_bytes = 5 << 20;
    world.variables = {{"AWS_ACCESS_KEY_ID", "id"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};
  }
  std::string target() const override { return "s3://bkt/some/prefix"; }
  std::size_t big() const override { return (11 << 20) + 3; }

 private:
  FakeS3 fake_;
};

// Starts a script of tests/cloud with the Python of tools/cloud_servers.sh; its first line is what a client must know.
class ServerProcess {
 public:
  explicit ServerProcess(const char* script)
      : child_({REFLEX_CLOUD_PYTHON, std::string(REFLEX_SOURCE_DIR) + "/tests/cloud/" + script}) {
    std::istringstream line(child_.Line());
    for (std::string word; line >> word;) words.push_back(word);
    if (words.empty()) {
      std::cerr << "tests/cloud/" << script << " did not start; " << REFLEX_CLOUD_PYTHON << " is made by tools/cloud_servers.sh\n";
      std::abort();
    }
  }
  std::vector<std::string> words;

 private:
  Child child_;
};

class EmulatorPlace final : public Place {
 public:
  EmulatorPlace() {
    world.options.endpoint = server_.words.at(0);
    world.options.metadata_endpoint = fake_.url();
  }
  std::string target() const override { return "gs://reflex-bucket/some/prefix"; }

 private:
  ServerProcess server_{"gcs_server.py"};
  FakeGoogle fake_;  // The metadata server, for tokens.
};

class MotoPlace final : public Place {
 public:
  MotoPlace() {
    world.options.endpoint = server_.words.at(0);
    world.options.part_bytes = 5 << 20;
    world.options.region = "eu-central-1";
    world.variables = {{"AWS_ACCESS_KEY_ID", server_.words.at(1)}, {"AWS_SECRET_ACCESS_KEY", server_.words.at(2)}};
  }
  std::string target() const override { return "s3://reflex-bucket/some/prefix"; }
  std::size_t big() const override { return (11 << 20) + 3; }

 private:
  ServerProcess server_{"s3_server.py"};
};

}  // namespace

std::unique_ptr<Place> MakePlace(std::string_view kind) {
  if (kind == "file") return std::make_unique<FilePlace>();
  if (kind == "gs") return std::make_unique<GooglePlace>();
  if (kind == "s3") return std::make_unique<S3Place>();
  if (kind == "gs_emulator") return std::make_unique<EmulatorPlace>();
  if (kind == "s3_server") return std::make_unique<MotoPlace>();
  std::abort();
}

}  // namespace reflex::test
