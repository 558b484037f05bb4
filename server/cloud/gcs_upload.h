#pragma once

#include <string>

#include "cloud/files.h"
#include "cloud/json_answers.h"
#include "cloud/remote_call.h"

namespace reflex::cloud {

// One resumable upload (cloud.google.com/storage/docs/performing-resumable-uploads). Not thread-safe.
class GcsUpload {
 public:
  // `start_url`: the POST that begins a session. `crc32c`: of the whole file, as Crc32cText. All outlive it.
  GcsUpload(RemoteCaller& caller, Operation& operation, const OutgoingFile& file, std::string start_url, std::string object_name,
            std::string crc32c);
  // Ends a session that was begun and not finished; what it held is dropped by the server.
  ~GcsUpload();
  GcsUpload(const GcsUpload&) = delete;
  GcsUpload& operator=(const GcsUpload&) = delete;

  // To the object's description. A session that the server has lost is begun anew. Returns: as ObjectStore::Upload.
  Result<StorageObject> Run();

 private:
  Result<void> Start();
  // One piece, or the question how far the server is. Fills object_ or moves at_.
  Result<void> Step();
  Result<HttpReply> SendPiece();
  Result<HttpReply> AskState();
  // `asked`: the reply to AskState.
  Result<void> Understand(const HttpReply& reply, bool asked);
  Result<void> Advance(const HttpReply& reply, bool asked);

  RemoteCaller& caller_;
  Operation& operation_;
  const OutgoingFile& file_;
  const std::string start_url_, object_name_, crc32c_;
  const std::uint64_t piece_bytes_;
  std::string session_;     // URL; "" before Start and after the end.
  std::uint64_t at_ = 0;    // Bytes that the server holds.
  bool ask_state_ = false;  // After a failure: ask before sending.
  std::string piece_;
  std::optional<StorageObject> object_;
};

}  // namespace reflex::cloud
