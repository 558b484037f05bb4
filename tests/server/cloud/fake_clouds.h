#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "fake_http.h"

namespace reflex::test {

// What both clouds keep: whole objects by key.
struct FakeObject {
  std::string bytes;
  std::string crc32c;  // As the sender told it.
  int generation = 0;
};

// Cloud Storage's JSON API, the metadata server's tokens, the token endpoint and instances.stop, as far as they are used; bucket
// "bkt". Behaviour as in Google's documentation: a session keeps what arrived in multiples of 256 KiB, an object appears when all
// is there.
class FakeGoogle {
 public:
  FakeGoogle();

  FakeHttp& http() { return http_; }
  std::string url() const { return http_.url(); }
  std::map<std::string, FakeObject> objects();
  void Put(const std::string& key, const std::string& bytes);
  void Clear();
  // Tokens given so far are no longer taken.
  void ExpireTokens();
  // The metadata server may be asked only so; counts of what was asked are in http().
  int tokens_given();
  // "POST" bodies of the token endpoint.
  std::vector<std::string> assertions();
  int sessions_open();
  bool stopped();
  void LieAboutChecksums(int times);
  void KeepNothingOfCutPieces();

 private:
  struct Session {
    std::string key, crc32c, bytes;
    std::size_t total = 0;
  };

  FakeReply Handle(const FakeRequest& request);
  FakeReply Metadata(const FakeRequest& request);
  FakeReply Token();
  FakeReply Upload(const FakeRequest& request);
  FakeReply Piece(const FakeRequest& request);
  FakeReply Objects(const FakeRequest& request);
  std::string Describe(const std::string& key, const FakeObject& object);

  std::mutex mutex_;
  std::map<std::string, FakeObject> objects_;
  std::map<std::string, Session> sessions_;
  std::map<std::string, std::string> finished_;  // Session to key: asked again, it still answers.
  std::vector<std::string> assertions_;
  int token_ = 0, valid_from_ = 1, next_ = 1, lies_ = 0;
  bool stopped_ = false, keeps_cut_ = true;
  FakeHttp http_;
};

// S3's REST API, path style, bucket "bkt", with instance metadata v2 and StopInstances. Signatures are asked for, not checked (the
// tests with a real server do that), but for their time: 15 minutes either way.
class FakeS3 {
 public:
  FakeS3();

  FakeHttp& http() { return http_; }
  std::string url() const { return http_.url(); }
  std::map<std::string, FakeObject> objects();
  void Put(const std::string& key, const std::string& bytes);
  void Clear();
  int uploads_open();
  // Keys of the role that are taken; older ones are expired.
  void ExpireKeys();
  std::vector<std::string> sessions_seen();
  bool stopped();
  void LieAboutEtags(int times);

 private:
  struct Upload {
    std::string key, crc32c;
    std::map<int, std::string> parts;
  };

  FakeReply Handle(const FakeRequest& request);
  FakeReply Metadata(const FakeRequest& request);
  FakeReply Refusal(const FakeRequest& request);
  FakeReply Object(const FakeRequest& request, const std::string& key);
  FakeReply Multipart(const FakeRequest& request, const std::string& key);
  FakeReply List(const FakeRequest& request);

  std::mutex mutex_;
  std::map<std::string, FakeObject> objects_;
  std::map<std::string, Upload> uploads_;
  std::vector<std::string> sessions_seen_;
  int role_ = 1, next_ = 1, lies_ = 0;
  bool stopped_ = false;
  FakeHttp http_;
};

}  // namespace reflex::test
