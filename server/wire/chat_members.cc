#include "wire/chat_members.h"

#include <algorithm>

#include "wire/error_body.h"

namespace reflex::wire {

void AppendElements(json::Value list, std::string& elements) {
  for (const json::Value element : list.elements()) {
    if (!elements.empty()) elements += ',';
    element.AppendCompact(elements);
  }
}

ChatMembers::Stored* ChatMembers::Slot(std::string_view name) {
  const auto found = std::find_if(members_.begin(), members_.end(), [&](const Stored& member) { return member.name == name; });
  if (found != members_.end()) return &*found;
  if (members_.size() == kNamesMax) return nullptr;
  bytes_ += sizeof(Stored) + name.size();
  members_.push_back({std::string(name), Form::kJson, {}});
  return &members_.back();
}

bool ChatMembers::Set(std::string_view name, json::Value value) {
  if (value.IsNothing()) return true;
  Stored* const slot = Slot(name);
  if (slot == nullptr) return false;
  bytes_ -= slot->value.size();
  slot->form = Form::kJson;
  slot->value.clear();
  value.AppendCompact(slot->value);
  bytes_ += slot->value.size();
  return true;
}

bool ChatMembers::Join(std::string_view name, json::Value value) {
  if (!value.IsString() && !value.IsArray()) return Set(name, value);
  Stored* const slot = Slot(name);
  if (slot == nullptr) return false;
  const Form form = value.IsString() ? Form::kText : Form::kElements;
  bytes_ -= slot->value.size();
  if (slot->form != form) slot->value.clear();
  slot->form = form;
  if (form == Form::kText) {
    slot->value += value.text();
  } else {
    AppendElements(value, slot->value);
  }
  bytes_ += slot->value.size();
  return true;
}

void ChatMembers::AppendTo(std::string& out) const {
  for (const Stored& member : members_) {
    out += ',';
    AppendJsonString(member.name, out);
    out += ':';
    switch (member.form) {
      case Form::kJson: out += member.value; break;
      case Form::kText: AppendJsonString(member.value, out); break;
      case Form::kElements: out.append("[").append(member.value).append("]"); break;
    }
  }
}

}  // namespace reflex::wire
