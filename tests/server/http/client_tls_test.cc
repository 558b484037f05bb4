// TLS to providers: who is trusted, and what a cut means.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "fakes/tls.h"
#include "server/http/client_call.h"

namespace reflex::http {
namespace {

using fakes::ClientThread;
using fakes::Ok;
using fakes::Peer;
using fakes::Provider;
using fakes::TlsIdentity;

class ClientTls : public testing::Test {
 protected:
  ClientTls() {
    char name[] = "/tmp/reflex-tls-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~ClientTls() override { std::filesystem::remove_all(folder_); }

  // Options that trust this identity alone.
  ClientOptions Trusting(const TlsIdentity& identity) {
    ClientOptions options;
    options.ca_file = folder_ / "ca.pem";
    identity.WriteCertificate(options.ca_file);
    return options;
  }

  static TestCall TlsCall(const Provider& provider, const std::string& host) {
    TestCall call = CallTo(provider);
    call.origin = Origin{true, host, provider.port()};
    return call;
  }

  static Provider::Script Answer(TlsIdentity& identity, std::string reply) {
    return [&identity, reply](Peer& peer) {
      if (!peer.StartTls(identity.context())) return;
      while (peer.ReadRequest() && peer.Send(reply)) {
      }
    };
  }

  std::filesystem::path folder_;
};

TEST_F(ClientTls, TrustsACertificateForTheName) {
  TlsIdentity identity("DNS:localhost");
  Provider provider(Answer(identity, Ok("hi")));
  ClientThread thread(Trusting(identity));
  for (int i = 0; i < 3; ++i) {
    const auto answer = Fetch(thread, TlsCall(provider, "localhost"));
    ASSERT_FALSE(answer.send_error) << answer.send_error->message;
    EXPECT_EQ(answer.body, "hi");
  }
  EXPECT_EQ(provider.connections(), 1);
}

TEST_F(ClientTls, TrustsACertificateForTheAddress) {
  TlsIdentity identity("IP:127.0.0.1");
  Provider provider(Answer(identity, Ok("hi")));
  ClientThread thread(Trusting(identity));
  EXPECT_EQ(Fetch(thread, TlsCall(provider, "127.0.0.1")).body, "hi");
}

TEST_F(ClientTls, RefusesAnotherName) {
  TlsIdentity identity("DNS:other.example,IP:127.0.0.2");
  Provider provider(Answer(identity, Ok("hi")));
  ClientThread thread(Trusting(identity));
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto answer = Fetch(thread, TlsCall(provider, host));
    ASSERT_TRUE(answer.send_error);
    EXPECT_EQ(answer.send_error->code, ErrorCode::kUnavailable);
    EXPECT_NE(answer.send_error->message.find("certificate of " + std::string(host) + " is not trusted"), std::string::npos)
        << answer.send_error->message;
  }
}

TEST_F(ClientTls, RefusesACertificateThatNobodyVouchesForOrThatExpired) {
  TlsIdentity trusted("DNS:localhost"), stranger("DNS:localhost"), expired("DNS:localhost", -60);
  struct {
    TlsIdentity& shown;
    TlsIdentity& believed;
  } const cases[] = {{stranger, trusted}, {expired, expired}};
  for (const auto& item : cases) {
    Provider provider(Answer(item.shown, Ok("hi")));
    ClientThread thread(Trusting(item.believed));
    const auto answer = Fetch(thread, TlsCall(provider, "localhost"));
    ASSERT_TRUE(answer.send_error);
    EXPECT_EQ(answer.send_error->code, ErrorCode::kUnavailable);
    EXPECT_NE(answer.send_error->message.find("is not trusted"), std::string::npos) << answer.send_error->message;
  }
}

TEST_F(ClientTls, RefusesTheTestCertificateWithTheSystemsStore) {
  TlsIdentity identity("DNS:localhost");
  Provider provider(Answer(identity, Ok("hi")));
  ClientThread thread;
  EXPECT_EQ(Fetch(thread, TlsCall(provider, "localhost")).send_error->code, ErrorCode::kUnavailable);
}

TEST_F(ClientTls, RefusesAProviderThatSpeaksNoTlsOrAnOldOne) {
  TlsIdentity identity("DNS:localhost");
  ClientThread thread(Trusting(identity));
  Provider plain([](Peer& peer) { peer.Send(Ok("hi")); });
  EXPECT_EQ(Fetch(thread, TlsCall(plain, "localhost")).send_error->code, ErrorCode::kUnavailable);
  SSL_CTX_set_max_proto_version(identity.context(), TLS1_1_VERSION);
  Provider old(Answer(identity, Ok("hi")));
  EXPECT_EQ(Fetch(thread, TlsCall(old, "localhost")).send_error->code, ErrorCode::kUnavailable);
}

int PickHttp(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned int in_size, void* seen) {
  static_cast<std::string*>(seen)->assign(reinterpret_cast<const char*>(in), in_size);
  *out = in + 1;
  *size = in[0];
  return SSL_TLSEXT_ERR_OK;
}

TEST_F(ClientTls, SendsTheNameAndTheProtocol) {
  TlsIdentity identity("DNS:localhost,IP:127.0.0.1");
  std::string protocols;
  SSL_CTX_set_alpn_select_cb(identity.context(), PickHttp, &protocols);
  Provider provider([&](Peer& peer) {
    if (!peer.StartTls(identity.context())) return;
    const char* name = SSL_get_servername(peer.tls(), TLSEXT_NAMETYPE_host_name);
    peer.ReadRequest();
    peer.Send(Ok(name != nullptr ? name : "none", "Connection: close\r\n"));
  });
  ClientThread thread(Trusting(identity));
  EXPECT_EQ(Fetch(thread, TlsCall(provider, "localhost")).body, "localhost");
  EXPECT_EQ(Fetch(thread, TlsCall(provider, "127.0.0.1")).body, "none");
  EXPECT_EQ(protocols, "\x08http/1.1");
}

TEST_F(ClientTls, ResumesItsSession) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsIdentity identity("DNS:localhost");
    SSL_CTX_set_max_proto_version(identity.context(), version);
    Provider provider([&](Peer& peer) {
      if (!peer.StartTls(identity.context())) return;
      peer.ReadRequest();
      peer.Send(Ok(SSL_session_reused(peer.tls()) == 1 ? "resumed" : "full", "Connection: close\r\n"));
      peer.CloseTls();
    });
    ClientThread thread(Trusting(identity));
    EXPECT_EQ(Fetch(thread, TlsCall(provider, "localhost")).body, "full");
    EXPECT_EQ(Fetch(thread, TlsCall(provider, "localhost")).body, "resumed") << version;
  }
}

TEST_F(ClientTls, ABodyUntilTheEndIsCutWithoutTheEndingAlert) {
  TlsIdentity identity("DNS:localhost");
  std::atomic<bool> says_so{true};
  Provider provider([&](Peer& peer) {
    if (!peer.StartTls(identity.context())) return;
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\n\r\nsome");
    if (says_so) peer.CloseTls();
  });
  ClientThread thread(Trusting(identity));
  const auto whole = Fetch(thread, TlsCall(provider, "localhost"));
  EXPECT_TRUE(whole.complete());
  EXPECT_EQ(whole.body, "some");
  says_so = false;
  const auto cut = Fetch(thread, TlsCall(provider, "localhost"));
  ASSERT_TRUE(cut.read_error);
  EXPECT_EQ(cut.read_error->code, ErrorCode::kClosed);
}

TEST_F(ClientTls, CarriesLargeBodiesBothWays) {
  TlsIdentity identity("DNS:localhost");
  Provider provider([&](Peer& peer) {
    if (!peer.StartTls(identity.context())) return;
    while (auto request = peer.ReadRequest()) peer.Send(Ok(request->body));
  });
  ClientThread thread(Trusting(identity));
  std::string large(3 << 20, 'a');
  for (std::size_t i = 0; i < large.size(); i += 997) large[i] = static_cast<char>('b' + i % 20);
  TestCall call = TlsCall(provider, "localhost");
  call.method = "POST";
  call.body = {std::string_view(large).substr(0, 10), std::string_view(large).substr(10)};
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Fetch(thread, call).body == large);
  EXPECT_EQ(provider.connections(), 1);
}

TEST_F(ClientTls, RepeatsACallWhenAKeptConnectionWasClosed) {
  TlsIdentity identity("DNS:localhost");
  Provider provider([&](Peer& peer) {
    if (!peer.StartTls(identity.context())) return;
    peer.ReadRequest();
    peer.Send(Ok("hi"));
    peer.ReadRequest();
  });
  ClientThread thread(Trusting(identity));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Fetch(thread, TlsCall(provider, "localhost")).body, "hi");
  EXPECT_EQ(provider.connections(), 2);
}

TEST_F(ClientTls, AHandshakeThatStallsTimesOutOrIsCancelled) {
  TlsIdentity identity("DNS:localhost");
  std::atomic<int> asked{0};
  Provider provider([&](Peer& peer) {
    peer.ReadSome(1);
    ++asked;
    peer.AwaitClose();
  });
  ClientOptions options = Trusting(identity);
  options.timeouts.connect = std::chrono::milliseconds(20);
  ClientThread impatient(options);
  EXPECT_EQ(Fetch(impatient, TlsCall(provider, "localhost")).send_error->code, ErrorCode::kTimeout);
  ClientThread thread(Trusting(identity));
  CallHandle handle;
  const TestCall call = TlsCall(provider, "localhost");
  auto answer = thread.Start([&] { return fakes::Fetch(thread.client(), call.View(), &handle); });
  while (asked < 2) std::this_thread::yield();
  thread.Call([&] { return handle.Cancel(), 0; });
  EXPECT_EQ(answer.get().send_error->code, ErrorCode::kCancelled);
  provider.AwaitNoneOpen();
}

TEST_F(ClientTls, NamesACertificateFileThatCannotBeRead) {
  ClientOptions options;
  options.ca_file = folder_ / "missing.pem";
  ClientThread thread(options);
  ASSERT_TRUE(thread.create_error());
  EXPECT_EQ(thread.create_error()->code, ErrorCode::kNotFound);
  EXPECT_NE(thread.create_error()->message.find("missing.pem"), std::string::npos);
}

}  // namespace
}  // namespace reflex::http
