#include "gateway/audit.h"

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "gateway/metrics.h"
#include "gateway/on_pool.h"
#include "gateway/semantic_lookup.h"
#include "gateway/thread_state.h"
#include "reflex/clock.h"
#include "reflex/semantic_tier.h"
#include "upstream/upstream.h"
#include "wire/chat_question.h"
#include "wire/chat_reply.h"
#include "wire/error_body.h"

namespace reflex::gateway {
namespace {

constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr std::uint64_t kControlEvery = 5;

// What the judge is asked; its first word counts.
constexpr std::string_view kJudgeTask =
    "You compare two answers to one question. Reply with one word. RIGHT: the first answer tells a reader who asked this question "
    "the "
    "same as the second, or is as good an answer to it. WRONG: the first answer is about something else, contradicts the second, "
    "or "
    "lacks what was asked for. UNSURE: you cannot tell.";

std::string JudgeBody(std::string_view model, std::string_view question, std::string_view served, std::string_view fresh) {
  std::string text("Question:\n");
  text.append(question).append("\n\nFirst answer:\n").append(served).append("\n\nSecond answer:\n").append(fresh);
  std::string body = "{\"model\":";
  wire::AppendJsonString(model, body);
  body.append(",\"messages\":[{\"role\":\"system\",\"content\":");
  wire::AppendJsonString(kJudgeTask, body);
  body.append("},{\"role\":\"user\",\"content\":");
  wire::AppendJsonString(text, body);
  body.append("}]}");
  return body;
}

AuditVerdict ReadJudgement(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n*\"'");
  if (begin == std::string_view::npos) return AuditVerdict::kUndecided;
  text.remove_prefix(begin);
  const std::string_view word = text.substr(0, text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"));
  if (http::EqualsIgnoringCase(word, "right")) return AuditVerdict::kRight;
  return http::EqualsIgnoringCase(word, "wrong") ? AuditVerdict::kWrong : AuditVerdict::kUndecided;
}

// One audit; lives in its coroutine.
class Audit {
 public:
  Audit(AuditCall call, const Services& services, ThreadState& thread)
      : call_(std::move(call)), services_(services), thread_(thread) {}

  http::Task<AuditOutcome> Run();

 private:
  http::Task<std::optional<std::string>> Ask(std::string_view body);
  http::Task<std::optional<AuditVerdict>> Compare(const std::string& served, const std::string& fresh);

  const AuditCall call_;
  const Services& services_;
  ThreadState& thread_;
};

// The text of a good plain answer, or nothing.
http::Task<std::optional<std::string>> Audit::Ask(std::string_view body) {
  std::vector<http::Header> headers;
  for (const auto& [name, value] : call_.headers) headers.push_back({name, value});
  const std::string_view pieces[] = {body};
  upstream::Call call;
  call.provider = call_.provider;
  call.method = "POST";
  call.target = call_.target;
  call.headers = headers;
  call.body = pieces;
  call.has_body = true;
  call.decode = true;
  auto reply = co_await thread_.upstream->Send(call, nullptr);
  if (!reply || (*reply)->status() != 200) co_return std::nullopt;
  std::string whole;
  for (;;) {
    const auto piece = co_await (*reply)->Read();
    if (!piece || whole.size() + piece->size() > services_.options.reply_bytes_max) co_return std::nullopt;
    if (piece->empty()) break;
    whole.append(*piece);
  }
  const wire::PlainAnswer answer = wire::ReadPlainAnswer(std::move(whole), wire::ChatRequest(), services_.options.store_policy);
  if (!answer.unstorable.empty()) co_return std::nullopt;
  co_return wire::AnswerText(answer.reply.json);
}

http::Task<std::optional<AuditVerdict>> Audit::Compare(const std::string& served, const std::string& fresh) {
  const AuditOptions& options = services_.options.audits;
  if (!options.judge_model.empty()) {
    const std::string body = JudgeBody(options.judge_model, call_.question, served, fresh);
    const std::optional<std::string> judgement = co_await Ask(body);
    if (!judgement) co_return std::nullopt;
    co_return ReadJudgement(*judgement);
  }
  AuditVerdict verdict = AuditVerdict::kUndecided;
  const CompareAnswers& compare = services_.parts.compare_answers;
  if (!compare) co_return verdict;
  std::function<void()> work = [&] { verdict = compare(served, fresh); };
  if (!co_await RunBorrowing(*thread_.io, SemanticPool(services_.parts), std::move(work))) co_return std::nullopt;
  co_return verdict;
}

http::Task<AuditOutcome> Audit::Run() {
  const std::optional<std::string> served = wire::AnswerText(call_.entry->reply);
  if (!served) co_return AuditOutcome::kUndecided;
  const std::optional<std::string> fresh = co_await Ask(call_.body);
  if (!fresh) co_return AuditOutcome::kFailed;
  const std::optional<AuditVerdict> verdict = co_await Compare(*served, *fresh);
  if (!verdict) co_return AuditOutcome::kFailed;
  if (*verdict == AuditVerdict::kUndecided) co_return AuditOutcome::kUndecided;
  const bool wrong = *verdict == AuditVerdict::kWrong;
  services_.parts.semantic->Label(call_.name_space, wrong, call_.control);
  co_return wrong ? AuditOutcome::kWrong : AuditOutcome::kRight;
}

// Ends an audit, also where something was thrown in it.
struct RunningAudit {
  Audits& audits;
  ~RunningAudit() { audits.End(); }
};

http::Task<void> RunAudit(AuditCall call, const Services& services, ThreadState& thread) {
  const RunningAudit running(services.audits);
  const bool control = call.control;
  Audit audit(std::move(call), services, thread);
  const AuditOutcome outcome = co_await audit.Run();
  services.metrics.CountAudit(outcome, control);
}

}  // namespace

Audits::Kind Audits::Begin(std::int64_t now_ns) {
  if (options_.share <= 0) return Kind::kNone;
  base::MutexLock lock(mutex_);
  due_ += options_.share;
  if (due_ < 1) return Kind::kNone;
  due_ -= 1;
  if (now_ns - minute_began_ns_ >= kMinuteNs || in_minute_ == 0) {
    minute_began_ns_ = now_ns;
    in_minute_ = 0;
  }
  if (in_minute_ >= options_.per_minute || running_ >= kRunningMax) return Kind::kNone;
  ++in_minute_;
  ++running_;
  return ++chosen_ % kControlEvery == 0 ? Kind::kControl : Kind::kHit;
}

void Audits::End() {
  base::MutexLock lock(mutex_);
  --running_;
}

void AuditHit(RequestContext& context, std::string_view body, std::string_view question, EntryPtr served) {
  const Services& services = context.services;
  if (!context.policy.store) return;
  const Audits::Kind kind = services.audits.Begin(services.parts.clock->SteadyNs());
  if (kind == Audits::Kind::kNone) return;
  AuditCall call;
  call.control = kind == Audits::Kind::kControl;
  call.question = call.control ? served->question : std::string(question);
  call.body = wire::WithoutStream(body, call.control ? std::optional<std::string_view>(served->question) : std::nullopt);
  call.target = context.head().target;
  for (const http::Header& header : context.head().headers) call.headers.emplace_back(header.name, header.value);
  call.entry = std::move(served);
  call.name_space = context.policy.name_space;
  call.provider = context.provider;
  if (call.body.empty() || call.question.empty()) {
    services.audits.End();
    return;
  }
  context.thread.io->Spawn(RunAudit(std::move(call), services, context.thread));
}

}  // namespace reflex::gateway
