#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/context.h"
#include "gateway/errors.h"
#include "gateway/reply_fields.h"
#include "http/task.h"

// Who may ask for what. gateway.cc uses it in this order:
//
//   if (auto problem = Admit(context)) co_return co_await SendProblem(context, *problem);
//   if (IsPreflight(context)) co_return co_await AnswerPreflight(context);
//   if (IsOwnPath(path)) co_return co_await HandleOwnPath(context);
namespace reflex::gateway {

// Checks, in this order: that the listener serves the path at all (404), the Host (403 forbidden-host) and the Origin (403
// forbidden-origin) on our own paths and wherever an upstream key is set, the paths such a key opens (403 forbidden-path), the
// client key (401 client-key; not for our own paths and preflights). Sets context.key_group, key_token and keys. No lock, no
// allocation where it admits.
std::optional<Problem> Admit(RequestContext& context);

// True for a browser's preflight (OPTIONS with Origin and Access-Control-Request-Method) from an Origin that the CORS setting
// allows.
bool IsPreflight(const RequestContext& context);
// 204 with what is allowed. REQUIRES: IsPreflight(context).
http::Task<void> AnswerPreflight(RequestContext& context);

// For every reply, preflights aside: Access-Control-Allow-Origin and Access-Control-Expose-Headers where the Origin is allowed,
// Vary where the answer to that depends on it. Appends nothing when the CORS setting is empty. Views live as long as the context.
void AppendCorsFields(const RequestContext& context, ReplyFields& out);
// True where only the provider's own Access-Control-* can let a web page read the reply: there is an Origin, and no CORS setting. A
// hit, which has no header of the provider, would be kept from the page.
bool NeedsProvidersCors(const RequestContext& context);
// True for a field of an upstream's reply that must not stand beside ours (Access-Control-*) while the CORS setting is in use.
bool ReplacedByCors(const RequestContext& context, std::string_view name);

// The parts of it, for themselves.
// An IP address, "localhost" or one of `hosts`, the port not looked at, names in any case.
bool IsAllowedHost(std::string_view host, std::span<const std::string> hosts);
// POST chat/completions, completions, embeddings, moderations, responses, messages and GET models or models/ID, all with or without
// /v1 in front. The raw path is compared: nothing is decoded, so an escaped, doubled or dotted spelling is not opened.
bool OpenWithUpstreamKey(std::string_view method, std::string_view path);

}  // namespace reflex::gateway
