// Asks one server over one connection, the next question when the answer is there, and says how long each took: the same loop for
// Redis and for Reflex, so that the one can be taken from the other.
// usage: ask_loop get --port P --seconds S [--keys 64] [--prefix bench:]
//        ask_loop post --port P --seconds S [--keys 64] [--body-bytes 600]
// With --rate N it asks N times a second, and a time counts from when the question was due: one late answer makes the next ones
// late. Prints one line of JSON: asked, bytes of an answer, percentiles in microseconds, how many answers were hits.
#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "loopback.h"

namespace {

struct Options {
  bool post = false;
  int port = 0, seconds = 2, keys = 64, body_bytes = 600, rate = 0;
  std::string prefix = "bench:";
};

std::string GetOf(const Options& options, int number) {
  const std::string key = options.prefix + std::to_string(number);
  return "*2\r\n$3\r\nGET\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n";
}

std::string PostOf(const Options& options, int number) {
  std::string body = R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":"[)" + std::to_string(100'000 + number) + "] ";
  const std::string tail = R"("}],"temperature":0.2,"stream":false})";
  while (body.size() + tail.size() < static_cast<std::size_t>(options.body_bytes))
    body += "a question that goes on "[body.size() % 24];
  body += tail;
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Bearer "
         "sk-bench\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

// The length of the whole answer, or 0 while that cannot be told.
std::size_t AnswerLength(const Options& options, std::string_view bytes) {
  if (options.post) return bench::RequestLength(bytes);
  const std::size_t line = bytes.find("\r\n");
  if (line == bytes.npos) return 0;
  const long size = std::strtol(bytes.data() + 1, nullptr, 10);
  return bytes[0] == '$' && size >= 0 ? line + 2 + static_cast<std::size_t>(size) + 2 : line + 2;
}

// The answer's length, or 0 when the server closed.
std::size_t Ask(const Options& options, int fd, const std::string& question, std::string& answer) {
  if (send(fd, question.data(), question.size(), 0) != static_cast<ssize_t>(question.size())) bench::Die("send");
  std::size_t have = 0, length = 0;
  do {
    const ssize_t got = recv(fd, answer.data() + have, answer.size() - have, 0);
    if (got <= 0) return 0;
    have += static_cast<std::size_t>(got);
    if (length == 0) length = AnswerLength(options, std::string_view(answer.data(), have));
  } while (length == 0 || have < length);
  return length;
}

bool IsHit(const Options& options, std::string_view answer) {
  if (!options.post) return answer[0] == '$' && answer[1] != '-';
  return answer.find("hit-l1-exact") != answer.npos;
}

double Percentile(const std::vector<std::uint32_t>& sorted, double share) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))] / 1000.0;
}

// Returns `due`, which may be past.
std::uint64_t WaitUntil(std::uint64_t due) {
  const std::uint64_t now = bench::NowNs();
  if (now < due) std::this_thread::sleep_for(std::chrono::nanoseconds(due - now));
  return due;
}

Options Read(int count, char** words) {
  Options options;
  options.post = count > 1 && std::string_view(words[1]) == "post";
  for (int i = 2; i + 1 < count; i += 2) {
    const std::string_view name = words[i];
    if (name == "--port") options.port = std::atoi(words[i + 1]);
    if (name == "--seconds") options.seconds = std::atoi(words[i + 1]);
    if (name == "--keys") options.keys = std::atoi(words[i + 1]);
    if (name == "--body-bytes") options.body_bytes = std::atoi(words[i + 1]);
    if (name == "--rate") options.rate = std::atoi(words[i + 1]);
    if (name == "--prefix") options.prefix = words[i + 1];
  }
  return options;
}

}  // namespace

int main(int count, char** words) {
  const Options options = Read(count, words);
  if (options.port == 0) {
    std::fputs("usage: ask_loop get|post --port P [--seconds S] [--keys N] [--prefix TEXT] [--body-bytes N] [--rate N]\n", stderr);
    return 2;
  }
  std::vector<std::string> questions;
  for (int i = 0; i < options.keys; ++i) questions.push_back(options.post ? PostOf(options, i) : GetOf(options, i));
  std::string answer(1 << 20, '\0');
  const int fd = bench::ConnectTo(options.port);
  std::vector<std::uint32_t> took_ns;
  took_ns.reserve(1 << 20);
  std::size_t hits = 0, bytes = 0;
  const std::uint64_t start = bench::NowNs(), end = start + static_cast<std::uint64_t>(options.seconds) * 1'000'000'000;
  for (std::size_t i = 0; bench::NowNs() < end; ++i) {
    const std::uint64_t began =
        options.rate == 0 ? bench::NowNs() : WaitUntil(start + i * 1'000'000'000 / static_cast<std::uint64_t>(options.rate));
    bytes = Ask(options, fd, questions[i % questions.size()], answer);
    if (bytes == 0) bench::Die("the server closed the connection");
    took_ns.push_back(static_cast<std::uint32_t>(bench::NowNs() - began));
    hits += IsHit(options, std::string_view(answer.data(), bytes)) ? 1 : 0;
  }
  std::sort(took_ns.begin(), took_ns.end());
  std::printf(R"({"asked":%zu,"bytes":%zu,"hits":%zu,"p50_us":%.1f,"p90_us":%.1f,"p99_us":%.1f})"
              "\n",
              took_ns.size(), bytes, hits, Percentile(took_ns, 0.5), Percentile(took_ns, 0.9), Percentile(took_ns, 0.99));
  close(fd);
  return 0;
}
