#include "wire/chat_canonical.h"

#include <algorithm>

#include "wire/decimal.h"

namespace reflex::wire {
namespace {

// Every token starts with one of these; texts carry their length and lists their end, so two different forms cannot have equal
// bytes.
constexpr char kString = 's';
constexpr char kNumber = 'n';
constexpr char kTrue = 't';
constexpr char kFalse = 'f';
constexpr char kNull = 'z';
constexpr char kAsReceived = 'r';
constexpr char kName = 'k';
constexpr char kObjectBegin = '{';
constexpr char kObjectEnd = '}';
constexpr char kListBegin = '[';
constexpr char kListEnd = ']';
constexpr char kLeftOut = 'q';

constexpr std::size_t kKeepBytes = 1 << 20;
constexpr std::size_t kKeepFields = 1 << 12;

std::uint64_t PrefixOf(std::string_view name) {
  std::uint64_t prefix = 0;
  const std::size_t size = std::min<std::size_t>(name.size(), 8);
  for (std::size_t i = 0; i < size; ++i) prefix = prefix << 8 | static_cast<unsigned char>(name[i]);
  return size == 0 ? 0 : prefix << 8 * (8 - size);
}

// The ignore list: how an answer is delivered and booked, never what it says.
bool IsIgnored(std::string_view name) {
  switch (name.size()) {
    case 4: return name == "user";
    case 5: return name == "store";
    case 6: return name == "stream";
    case 8: return name == "metadata";
    case 12: return name == "service_tier";
    case 14: return name == "stream_options";
    case 16: return name == "prompt_cache_key";
    case 17: return name == "safety_identifier";
    case 20: return name == "prompt_cache_options";
    case 22: return name == "prompt_cache_retention";
    default: return false;
  }
}

bool Equals(json::Value number, std::string_view decimal) {
  if (!number.IsNumber()) return false;
  std::string exact;
  AppendDecimal(number.raw(), exact);
  return exact == decimal;
}

// Models whose defaults are those of OpenAI's own interface, wherever they are served. Open weights (gpt-oss, gpt-j, gpt-neox,
// gpt-2) take the defaults of whoever runs them, so of gpt-… only names that go on as OpenAI's do: a number from 3 on, audio and
// the like.
bool HasOpenAiDefaults(std::string_view model) {
  constexpr std::string_view kFamilies[] = {"chatgpt-", "o1", "o3", "o4-", "gpt-audio", "gpt-realtime"};
  const auto starts = [&](std::string_view family) { return model.starts_with(family); };
  if (std::any_of(std::begin(kFamilies), std::end(kFamilies), starts)) return true;
  return model.size() > 4 && model.starts_with("gpt-") && model[4] >= '3' && model[4] <= '9';
}

// Spelled-out defaults.
bool IsDefault(std::string_view name, json::Value value, bool openai) {
  if (name == "n") return Equals(value, "1");
  if (name == "logprobs") return value.kind() == json::Kind::kFalse;
  if (!openai) return false;
  if (name == "temperature" || name == "top_p") return Equals(value, "1");
  return (name == "presence_penalty" || name == "frequency_penalty") && Equals(value, "0");
}

}  // namespace

std::string_view ChatCanonicalForm::Write(json::Value body, json::Value left_out) {
  left_out_ = left_out ? left_out.begin() : kNothing;
  out_.clear();
  fields_.clear();
  openai_defaults_ = HasOpenAiDefaults(body.Find("model").text());
  WriteObject(body, Shape::kBody);
  return out_;
}

void ChatCanonicalForm::Trim() {
  if (out_.capacity() > kKeepBytes) std::string().swap(out_);
  if (scratch_.capacity() > kKeepBytes) std::string().swap(scratch_);
  if (fields_.capacity() > kKeepFields) std::vector<Field>().swap(fields_);
}

void ChatCanonicalForm::WriteObject(json::Value object, Shape shape) {
  const std::size_t first = fields_.size();
  for (const json::Member member : object.members()) {
    const std::string_view name = member.name();
    fields_.push_back({PrefixOf(name), name, member.value});
  }
  const auto less = [](const Field& a, const Field& b) { return a.prefix != b.prefix ? a.prefix < b.prefix : a.name < b.name; };
  std::sort(fields_.begin() + static_cast<std::ptrdiff_t>(first), fields_.end(), less);
  const std::size_t end = fields_.size();
  out_ += kObjectBegin;
  for (std::size_t i = first; i < end; ++i) {
    const Field field = fields_[i];  // A copy: writing members grows the stack.
    if (shape == Shape::kBody) {
      WriteBodyField(field);
    } else {
      WriteMember(shape, field);
    }
  }
  out_ += kObjectEnd;
  fields_.resize(first);
}

void ChatCanonicalForm::WriteBodyField(const Field& field) {
  if (field.value.IsNothing() || IsIgnored(field.name) || IsDefault(field.name, field.value, openai_defaults_)) return;
  WriteText(kName, field.name);
  if (field.name == "messages") {
    WriteList(field.value, Shape::kMessage);
  } else if (field.name == "stop") {
    WriteStop(field.value);
  } else {
    WriteScalar(field.value);
  }
}

void ChatCanonicalForm::WriteMember(Shape shape, const Field& field) {
  const std::string_view name = field.name;
  if (shape == Shape::kPart && name == "prompt_cache_breakpoint") return;
  WriteText(kName, name);
  if (shape == Shape::kMessage && name == "content") return WriteList(field.value, Shape::kPart);
  if (shape == Shape::kMessage && name == "tool_calls") return WriteList(field.value, Shape::kToolCall);
  const bool known_object = (shape == Shape::kMessage && (name == "function_call" || name == "audio")) ||
                            (shape == Shape::kPart && (name == "image_url" || name == "input_audio" || name == "file")) ||
                            (shape == Shape::kToolCall && (name == "function" || name == "custom"));
  if (known_object && field.value.IsObject()) {
    WriteObject(field.value, Shape::kFlat);
  } else {
    WriteScalar(field.value);
  }
}

void ChatCanonicalForm::WriteList(json::Value list, Shape shape) {
  if (!list.IsArray()) return WriteScalar(list);
  out_ += kListBegin;
  for (const json::Value element : list.elements()) {
    if (element.IsObject()) {
      WriteObject(element, shape);
    } else {
      WriteScalar(element);
    }
  }
  out_ += kListEnd;
}

void ChatCanonicalForm::WriteStop(json::Value stop) {
  out_ += kListBegin;
  if (stop.IsArray()) {
    for (const json::Value element : stop.elements()) WriteScalar(element);
  } else {
    WriteScalar(stop);
  }
  out_ += kListEnd;
}

// Objects and lists whose meaning is not ours: order and spelling stay, only the white space between tokens goes.
void ChatCanonicalForm::WriteAsReceived(json::Value value) {
  scratch_.clear();
  value.AppendCompact(scratch_);
  WriteText(kAsReceived, scratch_);
}

void ChatCanonicalForm::WriteScalar(json::Value value) {
  switch (value.kind()) {
    case json::Kind::kNull: out_ += kNull; return;
    case json::Kind::kFalse: out_ += kFalse; return;
    case json::Kind::kTrue: out_ += kTrue; return;
    case json::Kind::kString:
      if (value.begin() == left_out_) {
        out_ += kLeftOut;
        return;
      }
      return WriteText(kString, value.text());
    case json::Kind::kNumber:
      scratch_.clear();
      AppendDecimal(value.raw(), scratch_);
      return WriteText(kNumber, scratch_);
    case json::Kind::kArray:
    case json::Kind::kObject: return WriteAsReceived(value);
  }
}

void ChatCanonicalForm::WriteText(char tag, std::string_view text) {
  char head[6] = {tag};
  std::size_t head_bytes = 2;
  if (text.size() < 0xff) {
    head[1] = static_cast<char>(text.size());
  } else {
    head[1] = static_cast<char>(0xff);
    for (int i = 0; i < 4; ++i) head[2 + i] = static_cast<char>(text.size() >> 8 * i);
    head_bytes = 6;
  }
  out_.append(head, head_bytes);
  out_.append(text);
}

}  // namespace reflex::wire
