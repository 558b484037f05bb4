// `reflex tauq` as a command, and answers as Tauq from a serving Reflex.
#include <gtest/gtest.h>

#include <string>

#include "server/app/process.h"

namespace reflex::test {
namespace {

class TauqCommand : public testing::Test {
 protected:
  std::string File(std::string_view name, const std::string& text) {
    WriteText(folder_ / name, text);
    return (folder_ / name).string();
  }
  // The program with that standard input, through the shell.
  Finished Piped(const std::string& input, const std::string& mode) {
    Process process({"/bin/sh", "-c", "exec \"$0\" tauq \"$1\" < \"$2\"", REFLEX_PROGRAM, mode, File("input", input)});
    const int status = process.Wait();
    return {status, process.out(), process.err()};
  }
  TempFolder folder_;
};

TEST_F(TauqCommand, EncodesAndDecodesAFile) {
  const Finished encoded = RunProgram({"tauq", "encode", File("in", R"({"users":[{"id":1,"name":"A b"},{"id":2,"name":"C"}]})")});
  EXPECT_EQ(encoded.status, 0) << encoded.err;
  EXPECT_EQ(encoded.out, "!def User id name\n---\nusers [\n  !use User\n  1 \"A b\"\n  2 C\n]\n");
  const Finished decoded = RunProgram({"tauq", "decode", File("tauq", encoded.out)});
  EXPECT_EQ(decoded.status, 0) << decoded.err;
  EXPECT_EQ(decoded.out, "{\"users\":[{\"id\":1,\"name\":\"A b\"},{\"id\":2,\"name\":\"C\"}]}\n");
}

TEST_F(TauqCommand, ReadsStandardInput) {
  const Finished encoded = Piped("{\"a\": \"x\\u0000y\"}", "encode");
  EXPECT_EQ(encoded.status, 0) << encoded.err;
  EXPECT_EQ(encoded.out, std::string("a \"x\0y\"\n", 8));
  EXPECT_EQ(Piped("a 1 b [x y]", "decode").out, "{\"a\":1,\"b\":[\"x\",\"y\"]}\n");
}

TEST_F(TauqCommand, AnErrorIsStatusOneWithLineAndColumn) {
  const std::string bad = File("bad", "a 1\nkey }");
  const Finished decoded = RunProgram({"tauq", "decode", bad});
  EXPECT_EQ(decoded.status, 1);
  EXPECT_EQ(decoded.out, "");
  EXPECT_EQ(decoded.err, "reflex: " + bad + ": line 2, column 5: expected a value, found '}'\n");
  const Finished encoded = Piped("{\"a\":1,}", "encode");
  EXPECT_EQ(encoded.status, 1);
  EXPECT_EQ(encoded.err, "reflex: standard input: line 1, column 8: this is no JSON\n");
  const Finished none = RunProgram({"tauq", "decode", (folder_ / "none").string()});
  EXPECT_EQ(none.status, 1);
  EXPECT_NE(none.err.find("none"), std::string::npos) << none.err;
}

// Also for requests whose very bytes came before, which are answered without being read.
TEST_F(TauqCommand, EveryRequestThatAsksGetsTauqAndNoOther) {
  Provider provider;
  Served served(folder_, {"--upstream", provider.url()});
  const std::string asking = std::string(kChatHeaders) + "X-Reflex-Format: tauq\r\n";
  for (int i = 0; i < 4; ++i) {
    const Reply tauq = Ask(served.port(), "POST", kChatPath, asking, kChatBody);
    EXPECT_NE(tauq.head.find("X-Reflex-Format: tauq"), std::string::npos) << tauq.head;
    EXPECT_NE(tauq.body.find("response {"), std::string::npos) << tauq.body;
    const Reply json = Ask(served.port(), "POST", kChatPath, kChatHeaders, kChatBody);
    EXPECT_EQ(json.head.find("X-Reflex-Format"), std::string::npos) << json.head;
    EXPECT_EQ(json.body.find("response {"), std::string::npos) << json.body;
  }
  EXPECT_EQ(provider.requests(), 1);
}

}  // namespace
}  // namespace reflex::test
