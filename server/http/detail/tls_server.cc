#include "http/detail/tls_server.h"

#include <openssl/ssl.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <string>

#include "base/files.h"

namespace reflex::http {
namespace {

namespace ssl = boost::asio::ssl;
constexpr std::uint64_t kPemBytesMax = 1 << 20;

// A client that offers protocols, but not ours, is told so in the handshake (RFC 7301 section 3.2).
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* offered, unsigned length,
                   void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kOurs, sizeof kOurs - 1, offered, length) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<std::string> ReadPem(const std::string& file) {
  Result<std::string> pem = base::ReadFile(file, kPemBytesMax);
  if (!pem) return Fail(ErrorCode::kNotFound, "cannot read the TLS file " + file + ": " + pem.error().message);
  return pem;
}

}  // namespace

Result<ServerTls> LoadTls(const TlsFiles& files) {
  REFLEX_TRY(const std::string certificate, ReadPem(files.certificate_file));
  REFLEX_TRY(const std::string key, ReadPem(files.key_file));
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  boost::system::error_code error;
  context->use_certificate_chain(boost::asio::buffer(certificate), error);
  if (error)
    return Fail(ErrorCode::kInvalidArgument, files.certificate_file + " holds no usable PEM certificate: " + error.message());
  context->use_private_key(boost::asio::buffer(key), ssl::context::pem, error);
  if (error) {
    return Fail(ErrorCode::kInvalidArgument,
                files.key_file + " holds no usable key of " + files.certificate_file + ": " + error.message());
  }
  SSL_CTX* native = context->native_handle();
  if (SSL_CTX_check_private_key(native) != 1) {
    return Fail(ErrorCode::kInvalidArgument, files.key_file + " is not the key of " + files.certificate_file);
  }
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);  // Idle connections hold no record buffers.
  SSL_CTX_set_alpn_select_cb(native, ChooseProtocol, nullptr);
  return context;
}

}  // namespace reflex::http
