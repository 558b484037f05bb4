#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace reflex::fakes {

// A self-signed certificate for `names` ("DNS:localhost,IP:127.0.0.1"), made anew, and a server context that shows it.
class TlsIdentity {
 public:
  // `valid_seconds` may be negative: expired already.
  explicit TlsIdentity(const std::string& names, long valid_seconds = 3600) {
    // OpenSSL writes with write(2): to a peer that left, that would end the test.
    std::signal(SIGPIPE, SIG_IGN);
    char curve[] = "P-256";
    key_ = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve);
    certificate_ = X509_new();
    X509_set_version(certificate_, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), valid_seconds);
    X509_set_pubkey(certificate_, key_);
    X509_NAME* name = X509_get_subject_name(certificate_);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test provider"), -1, -1, 0);
    X509_set_issuer_name(certificate_, name);
    Extend(NID_basic_constraints, "critical,CA:TRUE");
    Extend(NID_subject_alt_name, names.c_str());
    if (X509_sign(certificate_, key_, EVP_sha256()) == 0) std::abort();

    context_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context_, certificate_);
    SSL_CTX_use_PrivateKey(context_, key_);
  }
  ~TlsIdentity() {
    SSL_CTX_free(context_);
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  SSL_CTX* context() { return context_; }

  void WriteCertificate(const std::filesystem::path& path) const {
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr || PEM_write_X509(file, certificate_) != 1) std::abort();
    std::fclose(file);
  }

 private:
  void Extend(int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate_, certificate_, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    if (extension == nullptr) std::abort();
    X509_add_ext(certificate_, extension, -1);
    X509_EXTENSION_free(extension);
  }

  EVP_PKEY* key_;
  X509* certificate_;
  SSL_CTX* context_;
};

}  // namespace reflex::fakes
