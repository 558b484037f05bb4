// Proxies, as curl reads their settings.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "fakes/tls.h"
#include "http/detail/proxy.h"
#include "server/http/client_call.h"

namespace reflex::http {
namespace {

using fakes::ClientThread;
using fakes::Ok;
using fakes::Peer;
using fakes::Provider;

TEST(Proxy, IsReadAsCurlReadsIt) {
  const auto full = ParseProxy("http://user:p%40ss@proxy.example:3128/");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->host, "proxy.example");
  EXPECT_EQ(full->port, 3128);
  EXPECT_EQ(full->authorization, "Basic dXNlcjpwQHNz");
  EXPECT_EQ(ParseProxy("proxy")->port, 1080);
  EXPECT_EQ(ParseProxy("proxy")->authorization, "");
  EXPECT_EQ(ParseProxy("[::1]:8080")->host, "::1");
  EXPECT_EQ(ParseProxy("u@h:1")->authorization, "Basic dTo=");
}

TEST(Proxy, RefusesWhatItCannotUseWithoutShowingThePassword) {
  for (const char* text :
       {"https://h:1", "socks5://h:1", "http://", "http://u:secret@h:x", "h:0", "h:99999", "[::1", "u:secret@"}) {
    const auto proxy = ParseProxy(text);
    ASSERT_FALSE(proxy) << text;
    EXPECT_EQ(proxy.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(proxy.error().message.find("secret"), std::string::npos);
  }
  ClientOptions options;
  options.https_proxy = "ftp://h";
  ClientThread thread(options);
  ASSERT_TRUE(thread.create_error());
  EXPECT_NE(thread.create_error()->message.find("https_proxy"), std::string::npos);
}

TEST(NoProxy, CoversNamesAndTheirSubdomainsAddressesAndNetworks) {
  const NoProxy list("localhost, .corp.example,other.example 10.0.0.0/8,192.168.1.7,[::1],2001:db8::/32");
  for (const char* host : {"localhost", "LOCALHOST", "a.corp.example", "corp.example", "other.example", "x.other.example",
                           "10.1.2.3", "192.168.1.7", "::1", "2001:db8:1::5", "localhost."}) {
    EXPECT_TRUE(list.Covers(host)) << host;
  }
  for (const char* host :
       {"notlocalhost", "another.example.com", "mother.example", "11.0.0.1", "192.168.1.70", "::2", "2001:db9::1"}) {
    EXPECT_FALSE(list.Covers(host)) << host;
  }
  EXPECT_TRUE(NoProxy("*").Covers("anything"));
  EXPECT_FALSE(NoProxy("").Covers("anything"));
}

// Answers plain requests itself and connects tunnels to `target`.
Provider::Script ProxyTo(const Provider* target, std::string& asked) {
  return [target, &asked](Peer& peer) {
    const auto request = peer.ReadRequest();
    if (!request) return;
    asked = request->head;
    if (!asked.starts_with("CONNECT ")) {
      peer.Send(Ok("through the proxy"));
      return peer.AwaitClose();
    }
    const int out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(target->port());
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(out, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) return;
    Peer server(out);
    peer.Send("HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n");
    std::thread back([&] {
      for (std::string bytes = server.ReadSome(65536); !bytes.empty(); bytes = server.ReadSome(65536)) peer.Send(bytes);
      peer.Shutdown();
    });
    for (std::string bytes = peer.ReadSome(65536); !bytes.empty(); bytes = peer.ReadSome(65536)) server.Send(bytes);
    server.Shutdown();
    back.join();
  };
}

TEST(ClientProxy, AsksAnHttpProxyInAbsoluteForm) {
  std::string asked;
  Provider proxy(ProxyTo(nullptr, asked));
  ClientOptions options;
  options.http_proxy = "http://me:pw@127.0.0.1:" + std::to_string(proxy.port());
  ClientThread thread(options);
  TestCall call = CallTo(proxy, "GET", "/v1/models?x");
  call.origin = Origin{false, "provider.invalid", 8000};
  EXPECT_EQ(Fetch(thread, call).body, "through the proxy");
  EXPECT_TRUE(asked.starts_with("GET http://provider.invalid:8000/v1/models?x HTTP/1.1\r\nHost: provider.invalid:8000\r\n"))
      << asked;
  EXPECT_NE(asked.find("Proxy-Authorization: Basic bWU6cHc=\r\n"), std::string::npos);
}

TEST(ClientProxy, TunnelsTlsThroughConnect) {
  char folder[] = "/tmp/reflex-proxy-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  fakes::TlsIdentity identity("DNS:provider.invalid");
  Provider provider([&](Peer& peer) {
    if (!peer.StartTls(identity.context())) return;
    while (auto request = peer.ReadRequest()) peer.Send(Ok(request->head));
  });
  std::string asked;
  Provider proxy(ProxyTo(&provider, asked));
  ClientOptions options;
  options.ca_file = std::string(folder) + "/ca.pem";
  identity.WriteCertificate(options.ca_file);
  options.https_proxy = "me:pw@127.0.0.1:" + std::to_string(proxy.port());
  {
    ClientThread thread(options);
    TestCall call = CallTo(provider);
    call.origin = Origin{true, "provider.invalid", 443};
    for (int i = 0; i < 2; ++i) {
      const auto answer = Fetch(thread, call);
      ASSERT_TRUE(answer.complete()) << answer.send_error->message;
      EXPECT_EQ(answer.body, "GET / HTTP/1.1\r\nHost: provider.invalid\r\n\r\n");
    }
    EXPECT_EQ(asked,
              "CONNECT provider.invalid:443 HTTP/1.1\r\nHost: provider.invalid:443\r\nProxy-Authorization: Basic bWU6cHc=\r\n\r\n");
    EXPECT_EQ(proxy.connections(), 1);
  }
  std::filesystem::remove_all(folder);
}

TEST(ClientProxy, GoesDirectlyWhereNoProxySaysSo) {
  Provider provider(fakes::Always(Ok("direct")));
  ClientOptions options;
  options.http_proxy = "http://127.0.0.1:" + std::to_string(fakes::UnusedPort());
  options.no_proxy = "127.0.0.0/8";
  ClientThread thread(options);
  EXPECT_EQ(Fetch(thread, CallTo(provider)).body, "direct");
}

TEST(ClientProxy, SaysThatTheProxyFailed) {
  Provider refusing(fakes::Always("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"));
  Provider silent([](Peer& peer) { peer.ReadRequest(); });
  Provider eager(fakes::Always("HTTP/1.1 200 OK\r\n\r\nsurplus"));
  struct {
    std::uint16_t port;
    ErrorCode code;
    const char* words;
  } const cases[] = {{refusing.port(), ErrorCode::kUnavailable, "status 407"},
                     {silent.port(), ErrorCode::kUnavailable, "the proxy closed"},
                     {eager.port(), ErrorCode::kProtocol, "the proxy sent bytes"},
                     {fakes::UnusedPort(), ErrorCode::kUnavailable, "cannot connect to the proxy"}};
  for (const auto& item : cases) {
    ClientOptions options;
    options.https_proxy = "127.0.0.1:" + std::to_string(item.port);
    ClientThread thread(options);
    TestCall call = CallTo(refusing);
    call.origin = Origin{true, "provider.invalid", 443};
    const auto answer = Fetch(thread, call);
    ASSERT_TRUE(answer.send_error);
    EXPECT_EQ(answer.send_error->code, item.code);
    EXPECT_NE(answer.send_error->message.find(item.words), std::string::npos) << answer.send_error->message;
  }
}

}  // namespace
}  // namespace reflex::http
