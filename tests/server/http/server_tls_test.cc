// TLS at the server: handshake, ALPN, versions, new certificates, and a client that leaves.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "fakes/tls.h"
#include "server/http/server_world.h"

namespace reflex::http {
namespace {

struct Files {
  Files() {
    std::string pattern = (std::filesystem::temp_directory_path() / "reflex-tls-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder = pattern;
    Make();
  }
  ~Files() { std::filesystem::remove_all(folder); }
  void Make() {
    const fakes::TlsIdentity identity("DNS:localhost");
    identity.WriteCertificate(folder / "certificate.pem");
    std::FILE* key = std::fopen((folder / "key.pem").c_str(), "w");
    PEM_write_PrivateKey(key, SSL_CTX_get0_privatekey(const_cast<fakes::TlsIdentity&>(identity).context()), nullptr, nullptr, 0,
                         nullptr, nullptr);
    std::fclose(key);
  }
  TlsFiles tls() const { return {folder / "certificate.pem", folder / "key.pem"}; }
  std::filesystem::path folder;
};

// A blocking TLS connection over a RawClient's socket.
class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port, const std::string& alpn = "", int version_max = 0) : raw_(port) {
    context_ = SSL_CTX_new(TLS_client_method());
    if (version_max != 0) {
      SSL_CTX_set_security_level(context_, 0);
      SSL_CTX_set_max_proto_version(context_, version_max);
    }
    ssl_ = SSL_new(context_);
    if (!alpn.empty())
      SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(alpn.data()), static_cast<unsigned>(alpn.size()));
    SSL_set_fd(ssl_, raw_.descriptor());
    connected_ = SSL_connect(ssl_) == 1;
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool connected() const { return connected_; }
  RawClient& raw() { return raw_; }
  std::string Protocol() const {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_, &name, &length);
    return name == nullptr ? "" : std::string(name, name + length);
  }
  // The certificate's bytes, to tell one from another.
  std::string Certificate() const {
    X509* certificate = SSL_get1_peer_certificate(ssl_);
    unsigned char* der = nullptr;
    const int length = i2d_X509(certificate, &der);
    std::string bytes(der, der + length);
    OPENSSL_free(der);
    X509_free(certificate);
    return bytes;
  }
  void Send(std::string_view bytes) {
    EXPECT_EQ(SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())), static_cast<int>(bytes.size()));
  }
  // All bytes up to the first place where they end in `end`, or the connection does.
  std::string ReadUntil(std::string_view end) {
    std::string all;
    std::array<char, 16384> piece;
    while (!all.ends_with(end)) {
      const int read = SSL_read(ssl_, piece.data(), static_cast<int>(piece.size()));
      if (read <= 0) break;
      all.append(piece.data(), static_cast<std::size_t>(read));
    }
    return all;
  }
  // Reads to the end; true when the server ended with its alert, as it should.
  bool EndsCleanly() {
    ReadUntil("an end that no reply has");
    return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
  }

 private:
  RawClient raw_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
};

Task<void> Echo(Exchange& exchange) {
  const auto body = co_await exchange.ReadBody();
  if (body) co_await Reply(exchange, std::string(*body));
}

ServerOptions WithTls(const Files& files) {
  ServerOptions options;
  options.tls = files.tls();
  return options;
}

TEST(HttpTls, ServesRequestsLargeAndSmall) {
  const Files files;
  ServerWorld world(Echo, WithTls(files));
  TlsClient client(world.port(), "\x08http/1.1");
  ASSERT_TRUE(client.connected());
  EXPECT_EQ(client.Protocol(), "http/1.1");
  client.Send(Post("hello"));
  EXPECT_TRUE(client.ReadUntil("hello").starts_with("HTTP/1.1 200 OK\r\n"));
  const std::string body = std::string(1'000'000, 'x') + "end";
  client.Send(Post(body));
  EXPECT_TRUE(client.ReadUntil("end").ends_with("\r\n\r\n" + body));
}

TEST(HttpTls, EndsWithItsAlertAfterARefusal) {
  const Files files;
  ServerWorld world(Echo, WithTls(files));
  TlsClient client(world.port());
  client.Send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(client.EndsCleanly());
}

TEST(HttpTls, RefusesOldVersionsAndOtherProtocols) {
  const Files files;
  ServerWorld world(Echo, WithTls(files));
  EXPECT_FALSE(TlsClient(world.port(), "", TLS1_1_VERSION).connected());
  EXPECT_TRUE(TlsClient(world.port(), "", TLS1_2_VERSION).connected());
  EXPECT_FALSE(TlsClient(world.port(), "\x02h2").connected());
  EXPECT_TRUE(TlsClient(world.port(), "\x02h2\x08http/1.1").connected());
  RawClient plain(world.port());
  ASSERT_TRUE(plain.Send(Get("/")));
  EXPECT_FALSE(plain.ReadToEnd().starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(Eventually([&] { return world.Metric("reflex_http_connections") == 0; }));
}

TEST(HttpTls, NewConnectionsSeeTheNewCertificate) {
  Files files;
  ServerWorld world(Echo, WithTls(files));
  TlsClient before(world.port());
  files.Make();
  ASSERT_TRUE(world.server().ReloadTls());
  TlsClient after(world.port());
  EXPECT_NE(before.Certificate(), after.Certificate());
  std::ofstream(files.tls().certificate_file) << "no certificate";
  const auto broken = world.server().ReloadTls();
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::kInvalidArgument);
  std::filesystem::remove(files.tls().key_file);
  EXPECT_EQ(world.server().ReloadTls().error().code, ErrorCode::kNotFound);
  EXPECT_EQ(TlsClient(world.port()).Certificate(), after.Certificate());
  before.Send(Post("old"));
  EXPECT_TRUE(before.ReadUntil("old").starts_with("HTTP/1.1 200"));
}

TEST(HttpTls, IsToldWhenTheClientLeaves) {
  const Files files;
  std::atomic<int> left{0};
  ServerWorld world(
      [&left](Exchange& exchange) -> Task<void> {
        Signal gone(exchange.io());
        exchange.OnDisconnect([&] { gone.Notify(); });
        if (co_await gone.Wait()) ++left;
      },
      WithTls(files));
  TlsClient client(world.port());
  client.Send(Get("/"));
  ASSERT_TRUE(Eventually([&] { return world.Metric("reflex_http_received_bytes_total") > 0; }));
  client.raw().CloseWriting();
  EXPECT_TRUE(Eventually([&] { return left == 1; }));
}

TEST(HttpTls, LeavesTheAdminListenerPlain) {
  const Files files;
  ServerOptions options = WithTls(files);
  options.listen = {{"127.0.0.1:0", true}};
  ServerWorld world(Echo, options);
  EXPECT_EQ(RawClient(world.port()).Ask(Post("plain"))->body, "plain");
}

}  // namespace
}  // namespace reflex::http
