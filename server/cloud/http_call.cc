#include "cloud/http_call.h"

#include <dlfcn.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <curl/curl.h>

#include "base/mutex.h"

namespace reflex::cloud {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t kHeaderBytesMax = 256u << 10;

// libcurl's functions, found when a cloud is first called: with the libraries it brings along, linking it would add 4 ms and 4 MB
// to every start.
struct Curl {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
};

template <class Function>
bool FindIn(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

// Null where it is not installed. Never closed: it may have threads and exit handlers.
const Curl* LoadCurl() {
  static const std::optional<Curl> loaded = []() -> std::optional<Curl> {
    void* const library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    Curl curl;
    const bool found =
        library != nullptr && FindIn(library, "curl_global_init", curl.global_init) &&
        FindIn(library, "curl_easy_init", curl.easy_init) && FindIn(library, "curl_easy_cleanup", curl.easy_cleanup) &&
        FindIn(library, "curl_easy_reset", curl.easy_reset) && FindIn(library, "curl_easy_setopt", curl.easy_setopt) &&
        FindIn(library, "curl_easy_perform", curl.easy_perform) && FindIn(library, "curl_easy_strerror", curl.easy_strerror) &&
        FindIn(library, "curl_slist_append", curl.slist_append) && FindIn(library, "curl_slist_free_all", curl.slist_free_all);
    // Once a process; libcurl's own advice where threads may start at any time.
    if (!found || curl.global_init(CURL_GLOBAL_ALL) != CURLE_OK) return std::nullopt;
    return curl;
  }();
  return loaded ? &*loaded : nullptr;
}

// REQUIRES: LoadCurl() gave it.
const Curl& Loaded() { return *LoadCurl(); }

struct FreeHandle {
  void operator()(CURL* handle) const { Loaded().easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, FreeHandle>;
struct FreeList {
  void operator()(curl_slist* list) const { Loaded().slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

// What the callbacks of one call share.
struct Exchange {
  const HttpRequest& request;
  HttpReply reply = {};
  std::size_t body_sent = 0;
  std::size_t header_bytes = 0;
  std::uint64_t received = 0;
  std::optional<Error> error = std::nullopt;  // Why a callback ended the call.
  curl_off_t moved = -1;
  Steady::time_point moved_at = Steady::now();

  void Stop(ErrorCode code, std::string message) {
    if (!error) error = Error{code, std::move(message)};
  }
};

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size * count);
  exchange.header_bytes += line.size();
  if (exchange.header_bytes > kHeaderBytesMax) {
    exchange.Stop(ErrorCode::kProtocol, "the answer's head is larger than " + std::to_string(kHeaderBytesMax) + " bytes");
    return 0;
  }
  // A status line begins a new head: 100 Continue and a proxy's own answer come before the last one.
  if (line.starts_with("HTTP/")) {
    const std::size_t space = line.find(' ');
    exchange.reply.status = space == line.npos ? 0 : std::atoi(std::string(line.substr(space + 1, 3)).c_str());
    exchange.reply.headers.clear();
    return line.size();
  }
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return line.size();
  std::string name(Trimmed(line.substr(0, colon)));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  exchange.reply.headers.emplace_back(std::move(name), Trimmed(line.substr(colon + 1)));
  return line.size();
}

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  const std::string_view piece(data, size * count);
  exchange.received += piece.size();
  if (exchange.reply.ok() && exchange.request.sink) {
    if (Result<void> taken = exchange.request.sink(exchange.reply, piece); !taken) {
      if (!exchange.error) exchange.error = std::move(taken).error();
      return CURL_WRITEFUNC_ERROR;
    }
    return piece.size();
  }
  if (exchange.reply.body.size() + piece.size() > kReplyBytesMax) {
    exchange.Stop(ErrorCode::kTooLarge, "the answer is larger than " + std::to_string(kReplyBytesMax) + " bytes");
    return CURL_WRITEFUNC_ERROR;
  }
  exchange.reply.body.append(piece);
  return piece.size();
}

std::size_t OnRead(char* to, std::size_t size, std::size_t count, void* user) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  const std::string_view piece = exchange.request.body.substr(exchange.body_sent, size * count);
  std::copy(piece.begin(), piece.end(), to);
  exchange.body_sent += piece.size();
  return piece.size();
}

int OnSeek(void* user, curl_off_t offset, int origin) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  if (origin != SEEK_SET || offset < 0 || static_cast<std::uint64_t>(offset) > exchange.request.body.size()) {
    return CURL_SEEKFUNC_FAIL;
  }
  exchange.body_sent = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int OnProgress(void* user, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  if (exchange.moved != down + up) {
    exchange.moved = down + up;
    exchange.moved_at = Steady::now();
  } else if (Steady::now() - exchange.moved_at > exchange.request.stall_timeout) {
    exchange.Stop(ErrorCode::kTimeout, "no byte moved for " + std::to_string(exchange.request.stall_timeout.count()) + " ms");
    return 1;
  }
  if (exchange.request.progress && !exchange.request.progress(static_cast<std::uint64_t>(up), exchange.received)) {
    exchange.Stop(ErrorCode::kCancelled, "cancelled");
    return 1;
  }
  return 0;
}

ErrorCode CodeOf(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return ErrorCode::kTimeout;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return ErrorCode::kClosed;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_URL_MALFORMAT: return ErrorCode::kProtocol;
    default: return ErrorCode::kUnavailable;
  }
}

// The URL for a message: without its query, which may carry an upload's secret.
std::string Shown(const HttpRequest& request) { return request.method + " " + request.url.substr(0, request.url.find('?')); }

List HeaderList(const HttpRequest& request) {
  List list;
  const auto add = [&list](const std::string& line) {
    if (curl_slist* longer = Loaded().slist_append(list.get(), line.c_str()); longer != nullptr) {
      (void)list.release();
      list.reset(longer);
    }
  };
  // libcurl adds these by itself; "Expect" would cost a round trip, and a Content-Type that we did not sign is one too many.
  add("Expect:");
  if (std::ranges::none_of(request.headers, [](const auto& header) { return header.first == "Content-Type"; })) {
    add("Content-Type:");
  }
  for (const auto& [name, value] : request.headers) add(value.empty() ? name + ";" : name + ": " + value);
  return list;
}

void SetMethod(CURL* handle, const HttpRequest& request, Exchange& exchange) {
  const Curl& curl = Loaded();
  if (request.method == "HEAD") {
    curl.easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (request.method == "PUT" || request.method == "POST") {
    curl.easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl.easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl.easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl.easy_setopt(handle, CURLOPT_READFUNCTION, OnRead);
    curl.easy_setopt(handle, CURLOPT_READDATA, &exchange);
    curl.easy_setopt(handle, CURLOPT_SEEKFUNCTION, OnSeek);
    curl.easy_setopt(handle, CURLOPT_SEEKDATA, &exchange);
  } else {
    curl.easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void SetUp(CURL* handle, const HttpRequest& request, const List& headers, Exchange& exchange, const std::string& ca_file) {
  const Curl& curl = Loaded();
  curl.easy_reset(handle);
  curl.easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl.easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl.easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl.easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl.easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl.easy_setopt(handle, CURLOPT_USERAGENT, "reflex");
  curl.easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  curl.easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(1, request.time_limit.count())));
  curl.easy_setopt(handle, CURLOPT_HEADERFUNCTION, OnHeader);
  curl.easy_setopt(handle, CURLOPT_HEADERDATA, &exchange);
  curl.easy_setopt(handle, CURLOPT_WRITEFUNCTION, OnBody);
  curl.easy_setopt(handle, CURLOPT_WRITEDATA, &exchange);
  curl.easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl.easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl.easy_setopt(handle, CURLOPT_XFERINFODATA, &exchange);
  if (!request.proxy) curl.easy_setopt(handle, CURLOPT_PROXY, "");
  if (!ca_file.empty()) curl.easy_setopt(handle, CURLOPT_CAINFO, ca_file.c_str());
  SetMethod(handle, request, exchange);
}

}  // namespace

std::string_view HttpReply::Header(std::string_view name) const {
  const auto found = std::ranges::find_if(headers, [name](const auto& header) { return header.first == name; });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

struct HttpCaller::State {
  std::string ca_file;
  base::Mutex mutex;
  std::vector<Handle> idle GUARDED_BY(mutex);

  Handle Take() {
    {
      const base::MutexLock lock(mutex);
      if (!idle.empty()) {
        Handle handle = std::move(idle.back());
        idle.pop_back();
        return handle;
      }
    }
    return Handle(Loaded().easy_init());
  }

  void Return(Handle handle) {
    const base::MutexLock lock(mutex);
    idle.push_back(std::move(handle));
  }
};

HttpCaller::HttpCaller(std::filesystem::path ca_file) : state_(std::make_unique<State>()) { state_->ca_file = ca_file.string(); }
HttpCaller::~HttpCaller() = default;

Result<HttpReply> HttpCaller::Call(const HttpRequest& request) {
  if (LoadCurl() == nullptr) {
    return Fail(ErrorCode::kUnsupported, "clouds are reached with libcurl.so.4, which is not installed (Debian: libcurl4)");
  }
  const Curl& curl = Loaded();
  Handle handle = state_->Take();
  if (handle == nullptr) return Fail(ErrorCode::kInternal, "libcurl has no handle to give");
  Exchange exchange{.request = request};
  const List headers = HeaderList(request);
  SetUp(handle.get(), request, headers, exchange, state_->ca_file);
  char words[CURL_ERROR_SIZE] = "";
  curl.easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, words);
  const CURLcode code = curl.easy_perform(handle.get());
  curl.easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, nullptr);
  // A failed handle goes away together with its connections.
  if (code == CURLE_OK) state_->Return(std::move(handle));
  if (exchange.error) {
    exchange.error->message = Shown(request) + ": " + exchange.error->message;
    return std::unexpected(std::move(*exchange.error));
  }
  if (code != CURLE_OK) {
    return Fail(CodeOf(code), Shown(request) + ": " + (words[0] != '\0' ? words : curl.easy_strerror(code)));
  }
  return std::move(exchange.reply);
}

}  // namespace reflex::cloud
