#include "http/decode.h"

#include <zlib.h>

#include <array>
#include <string>
#include <utility>

#include "http/message.h"

namespace reflex::http {
namespace {

constexpr int kGzipWindow = MAX_WBITS + 16;  // zlib.h, inflateInit2: the gzip wrapper only.
constexpr int kZlibWindow = MAX_WBITS;
constexpr int kRawWindow = -MAX_WBITS;

class Identity final : public ContentDecoder {
 public:
  void Feed(std::string_view input) override { input_ = input; }
  Result<std::string_view> Next() override { return std::exchange(input_, {}); }
  Result<void> Finish() const override { return {}; }

 private:
  std::string_view input_;
};

class Inflater final : public ContentDecoder {
 public:
  explicit Inflater(ContentCoding coding) : coding_(coding) {}
  ~Inflater() override { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool Open() { return inflateInit2(&stream_, coding_ == ContentCoding::kGzip ? kGzipWindow : kZlibWindow) == Z_OK; }

  void Feed(std::string_view input) override { input_ = input; }

  Result<std::string_view> Next() override {
    for (;;) {
      if (state_ == State::kStart && !Start()) return std::string_view();
      if (state_ == State::kEnded && !NextMember()) {
        if (input_.empty()) return std::string_view();
        return Fail(ErrorCode::kProtocol, "bytes follow the end of the compressed body");
      }
      const int result = Inflate();
      const std::size_t size = out_.size() - stream_.avail_out;
      if (result == Z_STREAM_END) {
        state_ = State::kEnded;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return Fail(ErrorCode::kProtocol,
                    std::string("the compressed body is damaged: ") + (stream_.msg ? stream_.msg : "bad data"));
      }
      if (size != 0) return std::string_view(reinterpret_cast<const char*>(out_.data()), size);
      if (state_ == State::kInside && input_.empty() && prefix_.empty()) return std::string_view();
    }
  }

  Result<void> Finish() const override {
    const bool complete = state_ == State::kEnded ? prefix_.empty() : state_ == State::kStart && prefix_.empty();
    if (complete) return {};
    return Fail(ErrorCode::kClosed, "the compressed body ends too early");
  }

 private:
  enum class State { kStart, kInside, kEnded };

  // Two bytes tell zlib's wrapper from a bare deflate stream (RFC 1950 section 2.2: method 8, header divisible by 31). A bare
  // stream that begins like that would be a stored block whose padding bits are not zero, which no encoder writes.
  bool Start() {
    if (coding_ == ContentCoding::kDeflate) {
      while (prefix_.size() < 2 && !input_.empty()) TakePrefixByte();
      if (prefix_.size() < 2) return false;
      const unsigned first = static_cast<unsigned char>(prefix_[0]), second = static_cast<unsigned char>(prefix_[1]);
      const bool wrapped = (first & 0x0f) == 8 && (first >> 4) <= 7 && (first * 256 + second) % 31 == 0;
      if (!wrapped) inflateReset2(&stream_, kRawWindow);
    } else if (input_.empty()) {
      return false;
    }
    state_ = State::kInside;
    return true;
  }

  // After a gzip member: true if another one begins. Its two magic bytes decide, and may come one by one.
  bool NextMember() {
    if (coding_ != ContentCoding::kGzip) return false;
    while (prefix_.size() < 2 && !input_.empty() && input_.front() == (prefix_.empty() ? '\x1f' : '\x8b')) TakePrefixByte();
    if (prefix_.size() < 2) return false;
    inflateReset2(&stream_, kGzipWindow);
    state_ = State::kInside;
    return true;
  }

  void TakePrefixByte() {
    prefix_.push_back(input_.front());
    input_.remove_prefix(1);
  }

  int Inflate() {
    stream_.next_out = out_.data();
    stream_.avail_out = static_cast<uInt>(out_.size());
    int result = Z_OK;
    if (!prefix_.empty()) {
      result = InflateFrom(prefix_);
      prefix_.clear();  // Two bytes never fill the output, so they are all taken.
    }
    if (result == Z_OK || result == Z_BUF_ERROR) {
      const std::string_view before = input_;
      result = InflateFrom(before);
      input_ = before.substr(before.size() - stream_.avail_in);
    }
    return result;
  }

  int InflateFrom(std::string_view bytes) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    return inflate(&stream_, Z_NO_FLUSH);
  }

  const ContentCoding coding_;
  State state_ = State::kStart;
  z_stream stream_{};
  std::string prefix_;
  std::string_view input_;
  std::array<Bytef, kPieceBytes> out_;
};

}  // namespace

std::optional<ContentCoding> ParseContentCoding(std::string_view content_encoding) {
  if (content_encoding.empty() || EqualsIgnoringCase(content_encoding, "identity")) return ContentCoding::kIdentity;
  if (EqualsIgnoringCase(content_encoding, "gzip") || EqualsIgnoringCase(content_encoding, "x-gzip")) return ContentCoding::kGzip;
  if (EqualsIgnoringCase(content_encoding, "deflate")) return ContentCoding::kDeflate;
  return std::nullopt;
}

Result<std::unique_ptr<ContentDecoder>> ContentDecoder::Create(ContentCoding coding) {
  if (coding == ContentCoding::kIdentity) return std::make_unique<Identity>();
  auto inflater = std::make_unique<Inflater>(coding);
  if (!inflater->Open()) return Fail(ErrorCode::kInternal, "no memory to decode a compressed body");
  return inflater;
}

}  // namespace reflex::http
