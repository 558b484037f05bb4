#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.h"
#include "http/detail/chunked.h"
#include "http/detail/client_connection.h"
#include "http/detail/head_parser.h"

namespace reflex::http {

// A reply on its connection, from its head on.
class ConnectionReply final : public ClientReply {
 public:
  // The head's `head_bytes` are at the start of what the connection holds. `request_sent`: else the connection is not kept.
  // Returns: kProtocol for a 101 that was not asked for.
  static Result<std::unique_ptr<ClientReply>> Create(ConnectionPtr connection, ResponseHead& head, std::size_t head_bytes,
                                                     const ClientRequest& request, bool request_sent);
  ~ConnectionReply();

  int status() const override { return status_; }
  std::span<const Header> headers() const override { return headers_; }
  std::optional<std::uint64_t> content_length() const override { return content_length_; }
  Task<Result<std::string_view>> Read() override;
  void Cancel() override;
  Task<Result<void>> Write(std::string_view bytes) override;

 private:
  enum class Body : std::uint8_t { kNone, kLength, kChunked, kUntilClose, kTunnel };

  ConnectionReply(ConnectionPtr connection, ResponseHead& head, std::size_t head_bytes);
  Result<std::string_view> Take();
  Result<std::string_view> TakeChunks();
  Result<std::string_view> AtEndOfConnection();
  std::unexpected<Error> Failed(Error error);
  void Finish();
  std::chrono::milliseconds ServerLimit() const;

  ConnectionPtr connection_;  // Null once the reply has ended.
  std::string head_;
  std::vector<Header> headers_;
  std::optional<std::uint64_t> content_length_;
  std::optional<Error> failure_;
  std::uint64_t left_ = 0;
  ChunkedDecoder chunks_;
  int status_;
  Body body_ = Body::kNone;
  bool keep_alive_;
  bool complete_ = false;  // All body bytes have been taken.
};

}  // namespace reflex::http
