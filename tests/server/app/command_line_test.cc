#include "app/command_line.h"

#include <gtest/gtest.h>

namespace reflex::app {
namespace {

CommandLine Parsed(std::vector<std::string> arguments) {
  Result<CommandLine> line = ParseCommandLine(std::move(arguments));
  EXPECT_TRUE(line) << (line ? "" : line.error().message);
  return line ? *line : CommandLine();
}

std::string Refusal(std::vector<std::string> arguments) {
  const Result<CommandLine> line = ParseCommandLine(std::move(arguments));
  if (line) return "";
  EXPECT_EQ(line.error().code, ErrorCode::kInvalidArgument);
  return line.error().message;
}

bool Mentions(const std::string& message, std::string_view part) { return message.find(part) != std::string::npos; }

const std::string kKey(64, 'a');

TEST(CommandLine, CommandsAreRecognisedAndServeIsTheDefault) {
  EXPECT_EQ(Parsed({}).command, Command::kServe);
  EXPECT_EQ(Parsed({"serve"}).command, Command::kServe);
  EXPECT_EQ(Parsed({"config"}).command, Command::kConfig);
  EXPECT_EQ(Parsed({"health"}).command, Command::kHealth);
  EXPECT_EQ(Parsed({"stats"}).command, Command::kStats);
  EXPECT_EQ(Parsed({"version"}).command, Command::kVersion);
  EXPECT_EQ(Parsed({"--version"}).command, Command::kVersion);
  EXPECT_EQ(Parsed({"-V"}).command, Command::kVersion);
  EXPECT_EQ(Parsed({"--help"}).command, Command::kHelp);
  EXPECT_EQ(Parsed({"purge", "-h"}).command, Command::kHelp);
  EXPECT_EQ(Parsed({"settings-page"}).command, Command::kSettingsPage);
}

TEST(CommandLine, SnapshotsAreSavedLoadedListedAndVerified) {
  EXPECT_EQ(Parsed({"snapshot", "save"}).command, Command::kSnapshotSave);
  EXPECT_EQ(Parsed({"snapshot", "list", "--url", "http://x"}).url, "http://x");
  const CommandLine newest = Parsed({"snapshot", "load"});
  EXPECT_EQ(newest.command, Command::kSnapshotLoad);
  EXPECT_EQ(newest.file, "");
  EXPECT_FALSE(newest.reembed);
  const CommandLine named = Parsed({"snapshot", "load", "a.snapshot", "--reembed"});
  EXPECT_EQ(named.file, "a.snapshot");
  EXPECT_TRUE(named.reembed);
  EXPECT_EQ(Parsed({"snapshot", "verify", "f"}).file, "f");
  EXPECT_FALSE(ParseCommandLine({"snapshot", "verify"}));
  EXPECT_FALSE(ParseCommandLine({"snapshot"}));
}

TEST(CommandLine, SettingsStandBeforeOrAfterTheCommand) {
  for (const CommandLine& line :
       {Parsed({"--port", "1", "config"}), Parsed({"config", "--port", "1"}), Parsed({"config", "--port=1"})}) {
    EXPECT_EQ(line.command, Command::kConfig);
    ASSERT_EQ(line.flags.size(), 1u);
    EXPECT_EQ(line.flags[0].name, "--port");
    EXPECT_EQ(line.flags[0].value, "1");
  }
}

TEST(CommandLine, EveryRowOfTheTableIsAFlag) {
  for (const Setting& setting : SettingsTable()) {
    const CommandLine line = Parsed({"config", setting.FlagName() + "=value"});
    ASSERT_EQ(line.flags.size(), 1u) << setting.key;
    EXPECT_EQ(line.flags[0].name, setting.FlagName());
    EXPECT_EQ(line.flags[0].value, "value");
  }
}

TEST(CommandLine, ASwitchAloneIsTrue) {
  EXPECT_EQ(Parsed({"--server-allow-open", "config"}).flags.at(0).value, "true");
  EXPECT_EQ(Parsed({"--server-allow-open", "config"}).command, Command::kConfig);
  EXPECT_EQ(Parsed({"--log-requests", "off"}).flags.at(0).value, "off");
  EXPECT_EQ(Parsed({"--log-requests=false"}).flags.at(0).value, "false");
  EXPECT_EQ(Parsed({"--log-requests"}).flags.at(0).value, "true");
}

TEST(CommandLine, AnEmptyValueIsAValue) {
  EXPECT_EQ(Parsed({"--anthropic-upstream=", "config"}).flags.at(0).value, "");
  EXPECT_EQ(Parsed({"--anthropic-upstream=", "config"}).command, Command::kConfig);
  EXPECT_EQ(Parsed({"--anthropic-upstream", "", "config"}).flags.at(0).value, "");
  EXPECT_EQ(Parsed({"purge", "--namespace", ""}).purge.name_space, "");
}

TEST(CommandLine, AnUnknownFlagNamesValueAndWhatIsAllowed) {
  const std::string message = Refusal({"serve", "--prot", "80"});
  EXPECT_TRUE(Mentions(message, "--prot"));
  EXPECT_TRUE(Mentions(message, "80"));
  EXPECT_TRUE(Mentions(message, "did you mean --port?"));
  EXPECT_TRUE(Mentions(message, "--storage-path"));
  EXPECT_FALSE(Mentions(Refusal({"--upstream-kye=sk-secret"}), "sk-secret"));
}

TEST(CommandLine, WhatIsNoCommandIsRefused) {
  EXPECT_TRUE(Mentions(Refusal({"serv"}), "did you mean serve?"));
  EXPECT_TRUE(Mentions(Refusal({"serve", "config"}), "unexpected argument config"));
  EXPECT_NE(Refusal({"entries"}), "");
  EXPECT_TRUE(Mentions(Refusal({"--port"}), "--port takes one value"));
  EXPECT_TRUE(Mentions(Refusal({"--port", "1", "--port", "2"}), "--port takes one value"));
}

TEST(CommandLine, TheSettingsFileIsNamedByConfig) {
  EXPECT_FALSE(Parsed({}).has_config_file);
  const CommandLine line = Parsed({"serve", "--config", "r.toml"});
  EXPECT_TRUE(line.has_config_file);
  EXPECT_EQ(line.config_file, "r.toml");
  EXPECT_TRUE(Parsed({"--config="}).has_config_file);
}

TEST(CommandLine, PurgeWantsAllOrConditions) {
  EXPECT_TRUE(Parsed({"purge", "--all"}).purge.all);
  const CommandLine line = Parsed({"purge", "--model", "gpt", "--tag", "a", "--older-than", "2h", "--dry-run"});
  EXPECT_EQ(line.purge.model, "gpt");
  EXPECT_EQ(line.purge.tag, "a");
  EXPECT_EQ(line.purge.older_than, std::chrono::hours(2));
  EXPECT_FALSE(line.purge.name_space.has_value());
  EXPECT_TRUE(line.purge.dry_run);
  EXPECT_TRUE(Mentions(Refusal({"purge"}), "--all"));
  EXPECT_TRUE(Mentions(Refusal({"purge", "--all", "--model", "m"}), "--older-than"));
  EXPECT_TRUE(Mentions(Refusal({"purge", "--older-than", "5"}), "\"5\""));
  EXPECT_EQ(Parsed({"purge", "--entry", kKey, "--dry-run"}).purge.entry, kKey);
  EXPECT_TRUE(Mentions(Refusal({"purge", "--entry", "abc"}), "64 hexadecimal digits"));
  EXPECT_TRUE(Mentions(Refusal({"purge", "--entry", kKey, "--tag", "a"}), "--entry"));
  EXPECT_TRUE(Mentions(Refusal({"purge", "--entry", kKey, "--all"}), "--entry"));
}

TEST(CommandLine, AnEntryIsSixtyFourDigits) {
  EXPECT_EQ(Parsed({"entries", "delete", kKey}).entry, kKey);
  EXPECT_EQ(Parsed({"entries", "delete", kKey, "--port", "1"}).flags.size(), 1u);
  EXPECT_TRUE(Mentions(Refusal({"entries", "delete", "abc"}), "64 hexadecimal digits"));
  EXPECT_NE(Refusal({"entries", "delete"}), "");
}

TEST(CommandLine, EvalTakesAKindAFileAndWhereResultsGo) {
  const CommandLine line =
      Parsed({"eval", "stream", "q.jsonl", "--out", "p", "--scores", "s", "--json", "--model", "m", "--tiers", "l1,l2"});
  EXPECT_EQ(line.command, Command::kEval);
  EXPECT_EQ(line.eval.kind, EvalKind::kStream);
  EXPECT_EQ(line.eval.file, "q.jsonl");
  EXPECT_EQ(line.eval.out, "p");
  EXPECT_EQ(line.eval.scores, "s");
  EXPECT_EQ(line.eval.model, "m");
  EXPECT_TRUE(line.eval.json);
  EXPECT_EQ(line.flags.size(), 1u);
  EXPECT_EQ(Parsed({"eval", "pairs", "q", "--features", "f"}).eval.features, "f");
  EXPECT_EQ(Parsed({"eval", "pairs", "q", "--tokens", "w"}).eval.tokens, "w");
  EXPECT_EQ(Parsed({"eval", "requests", "q"}).eval.kind, EvalKind::kRequests);
  EXPECT_NE(Refusal({"eval"}), "");
  EXPECT_NE(Refusal({"eval", "pairs"}), "");
  EXPECT_NE(Refusal({"eval", "stream", "q", "--features", "f"}), "");
}

TEST(CommandLine, ExplainAndModelsCheckTakeAFile) {
  const CommandLine explain = Parsed({"explain", "-", "--url", "http://h", "--api-key", "k", "--json"});
  EXPECT_EQ(explain.command, Command::kExplain);
  EXPECT_EQ(explain.file, "-");
  EXPECT_EQ(explain.url, "http://h");
  EXPECT_EQ(explain.api_key, "k");
  EXPECT_TRUE(explain.json);
  EXPECT_EQ(Parsed({"models", "check", "m.gguf"}).command, Command::kModelsCheck);
  EXPECT_NE(Refusal({"models", "check"}), "");
  EXPECT_NE(Refusal({"explain"}), "");
}

TEST(CommandLine, TauqReadsAFileOrStandardInput) {
  EXPECT_EQ(Parsed({"tauq", "encode"}).command, Command::kTauqEncode);
  EXPECT_EQ(Parsed({"tauq", "encode"}).file, "-");
  EXPECT_EQ(Parsed({"tauq", "decode", "f.tqn"}).command, Command::kTauqDecode);
  EXPECT_EQ(Parsed({"tauq", "decode", "f.tqn"}).file, "f.tqn");
  EXPECT_NE(Refusal({"tauq"}), "");
  EXPECT_NE(Refusal({"tauq", "encode", "a", "b"}), "");
}

}  // namespace
}  // namespace reflex::app
