#include "app/pages.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace reflex::app {
namespace {

constexpr std::string_view kUsage =
    R"(reflex - answers LLM API requests from a cache when that is safe, and from the provider when it is not

Usage:
  reflex [serve] [settings]           Serve until told to stop (SIGTERM)
  reflex config  [settings]           Show every setting's effective value and where it comes from
  reflex health  [--url URL]          Ask the running Reflex; exit status 0 when it serves, else 1
  reflex stats   [--url URL]          Show what is stored and what was served, as JSON
  reflex purge   --all                Remove every stored answer
  reflex purge   [--model M] [--namespace N] [--tag T] [--older-than 24h]
                                      Remove the answers that meet all conditions given
  reflex purge   --entry KEY          Remove one answer; KEY is its X-Reflex-Entry.
                                      Each purge with --dry-run only counts
  reflex entries delete KEY           Remove one answer, as purge --entry does
  reflex migrate --to shared|local    Copy the store in storage.path to the one at store.url, or back
  reflex explain FILE [--url URL] [--api-key KEY]
                                      How the running Reflex would answer the chat request in
                                      FILE (-: standard input), and why; as the caller of
                                      --api-key, else of OPENAI_API_KEY
  reflex eval pairs|stream|requests FILE [--out FILE] [--json] [--model FILE] [--reranker FILE]
              [--features FILE] [--scores FILE] [--cosine SIMILARITY]
                                      What the cache makes of questions of your own, lines of
                                      {"id","a","b"}, {"id","prompt"} or, with whole chat
                                      requests, {"id","a","b"}; with labels ("same", "class") also
                                      how often it is right. Needs no provider (docs/eval.md)
  reflex models check FILE [--json]   What a model file is, and whether this program can run it
  reflex snapshot save                Copy the whole cache to snapshot.target, or to snapshots beside
                                      the store (docs/snapshots.md)
  reflex snapshot load [NAME] [--reembed]
                                      Replace the cache by the newest snapshot, or by NAME
  reflex snapshot list                Show what there is to load, as JSON
  reflex snapshot verify FILE         Check every byte of a snapshot's file
  reflex tauq encode|decode [FILE]    JSON to Tauq or back, on standard output; without FILE from
                                      standard input (docs/tauq.md)
  reflex version                      Show the version

stats, purge, entries and snapshot ask the running Reflex; with none running they open the store themselves.
Exit status: 0 done, 1 failed, 2 a flag, setting or command is wrong.

Settings, each from its flag, else its environment variable, else the settings file, else its default:
  --config FILE (REFLEX_CONFIG)
      The settings file, TOML. Its keys, and all about settings: docs/configuration.md
)";

constexpr std::string_view kExamples = R"(
Examples:
  reflex
      On http://127.0.0.1:8080/v1, in front of https://api.openai.com/v1, storing in ./.data
  reflex --port 9000 --storage-path /var/lib/reflex --memory-bytes 1GiB
  REFLEX_UPSTREAM=http://127.0.0.1:11434/v1 reflex
      In front of a provider on this machine
  reflex config --config reflex.toml
      What would hold, and why
  reflex purge --model gpt-4o --older-than 7d
  reflex eval pairs my-questions.jsonl --max-wrong-hits 1%
)";

constexpr std::size_t kColumns = 100;

// Appends `text` broken at spaces, each line after `indent` spaces.
void AppendWrapped(std::string& out, std::string_view text, std::size_t indent) {
  while (!text.empty()) {
    std::size_t size = text.size();
    if (size > kColumns - indent) {
      size = text.rfind(' ', kColumns - indent);
      if (size == std::string_view::npos) size = std::min(text.find(' '), text.size());
    }
    out.append(indent, ' ').append(text.substr(0, size)).push_back('\n');
    text.remove_prefix(std::min(size + 1, text.size()));
  }
}

std::string Defaulted(const Setting& setting) {
  const std::string value = ShowPlain(setting, Settings());
  return value.empty() ? "" : " [" + value + "]";
}

// A table's cell: what would end it is escaped.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '*') cell += '\\';
    cell += c;
  }
  return cell;
}

constexpr std::string_view kSettingsIntro = R"(# Configuration

<!-- Made from the table in server/app/settings.cc by `reflex settings-page > docs/configuration.md`. -->

Every setting has a key in the settings file, an environment variable and a flag. The first of flag, environment, file and default
that has a value wins; `reflex config` shows which did. A value that is not allowed, an unknown flag and an unknown key stop the start
(exit status 2) with the name, the value and what is allowed. An unknown `REFLEX_` variable is a warning.

Names follow from the key: `memory.bytes` is `REFLEX_MEMORY_BYTES` and `--memory-bytes`. Where another name is in use it stands in
the tables, and the flag follows the variable: `REFLEX_L1_CAPACITY` is `memory.entries` and `--l1-capacity`.

The settings file is TOML, named by `--config` or `REFLEX_CONFIG`; there is none by default. `reflex config` writes in its form.

```toml
[server]
port = 9000

[storage]
path = "/var/lib/reflex"
bytes_max = "20GiB"

[upstream]
openai = "http://127.0.0.1:11434/v1"
anthropic = ""        # switched off: 404
```

| kind | written as |
|---|---|
| size | `"64MiB"`, `"8GiB"`, `"500kB"` or plain bytes |
| duration | `"100ms"`, `"10s"`, `"5m"`, `"24h"`, `"7d"`; the unit is required |
| switch | `true` or `false`; in the environment and as a flag also `on`, `off`, `yes`, `no`, `1`, `0`; the flag alone is `true` |
| list | an array of strings; in the environment and as a flag separated by commas |

In Kubernetes and with Docker links a service called `reflex` puts `REFLEX_PORT=tcp://…`, `REFLEX_PORT_…` and `REFLEX_SERVICE_…` into
the environment; they are ignored, with one line that says so. A secret given as a flag can be seen by every user of the machine in the
list of processes: give it in the environment or in the file.
)";

void AppendSection(std::string& page, std::string_view section) {
  page.append("\n## ").append(section).append("\n\n").append(SectionHelp(section));
  page += "\n\n| key | default | variable, flag | allowed | |\n|---|---|---|---|---|\n";
  const Settings defaults;
  for (const Setting& setting : SettingsTable()) {
    if (setting.Section() != section) continue;
    std::string variables = "`" + setting.EnvName() + "`";
    for (const std::string& other : SplitList(setting.also_env, ' ')) variables += ", else `" + other + "`";
    page += "| `" + std::string(setting.key) + "` | `" + Show(setting, defaults) + "` | " + variables + "<br>`" +
            setting.FlagName() + "` | " + Cell(Allowed(setting)) + " | " + Cell(setting.help) +
            (setting.secret ? " Secret: shown as `[secret]`." : "") + " |\n";
  }
}

// Calls `visit` once for each section, in the table's order.
template <class Visit>
void VisitSections(Visit visit) {
  std::string_view last;
  for (const Setting& setting : SettingsTable()) {
    if (setting.Section() != last) visit(setting.Section());
    last = setting.Section();
  }
}

}  // namespace

std::string HelpPage() {
  std::string page(kUsage);
  VisitSections([&](std::string_view section) {
    page += "\n" + std::string(section) + ": " + std::string(SectionHelp(section)) + "\n";
    for (const Setting& setting : SettingsTable()) {
      if (setting.Section() != section) continue;
      page += "  " + setting.FlagName() + " (" + setting.EnvName() + ")" + Defaulted(setting) + "\n";
      AppendWrapped(page, setting.help, 6);
    }
  });
  return page.append(kExamples);
}

std::string SettingsPage() {
  std::string page(kSettingsIntro);
  VisitSections([&](std::string_view section) { AppendSection(page, section); });
  return page;
}

std::string ConfigPage(const LoadedSettings& loaded) {
  std::string page;
  std::size_t width = 0;
  std::vector<std::string> lines;
  for (const Setting& setting : SettingsTable()) {
    // As comments, because a file with all three would contradict itself.
    const bool replaced = !loaded.settings.listen.empty() && (setting.key == "server.bind_addr" || setting.key == "server.port");
    lines.push_back((replaced ? "# server.listen replaces " : "") + std::string(setting.key) + " = " +
                    Show(setting, loaded.settings));
    // Long values (lists, paths) do not push the rest to the right.
    if (lines.back().size() <= 60) width = std::max(width, lines.back().size());
  }
  for (std::size_t row = 0; row < lines.size(); ++row) {
    lines[row].resize(std::max(width, lines[row].size()), ' ');
    page += lines[row] + "  # " + loaded.sources[row].ToString() + "\n";
  }
  return page;
}

}  // namespace reflex::app
