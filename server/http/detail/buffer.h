#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace reflex::http {

// Bytes that were read and not yet used, in one run: [begin, end) of a block. kPadding bytes after the capacity are readable.
class Buffer {
 public:
  static constexpr std::size_t kPadding = 64;

  Buffer() = default;
  explicit Buffer(std::size_t capacity)
      : block_(std::make_unique_for_overwrite<char[]>(capacity + kPadding)), capacity_(capacity) {}
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }
  void swap(Buffer& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
  }

  std::string_view view() const { return {block_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }
  char* tail() { return block_.get() + end_; }
  std::size_t tail_size() const { return capacity_ - end_; }

  void Append(std::size_t bytes) { end_ += bytes; }     // That were put at tail().
  void Consume(std::size_t bytes) { begin_ += bytes; }  // The bytes stay where they are.
  void Clear() { begin_ = end_ = 0; }
  // Moves the bytes to the front of the block, or of a new one of that capacity. Views into the old place end.
  void Compact() {
    if (!empty()) std::memmove(block_.get(), block_.get() + begin_, size());
    end_ = size();
    begin_ = 0;
  }
  void MoveTo(std::size_t capacity) {
    Buffer larger(capacity);
    larger.CopyFrom(*this);
    swap(larger);
  }
  // Adds the other's bytes; there is room for them.
  void CopyFrom(const Buffer& other) {
    if (!other.empty()) std::memcpy(tail(), other.view().data(), other.size());
    Append(other.size());
  }

 private:
  std::unique_ptr<char[]> block_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// A body while it is collected: grows by realloc, which moves large blocks without copying.
class BodyBuffer {
 public:
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::string_view view() const { return {block_.get(), size_}; }
  char* tail() { return block_.get() + size_; }
  void Append(std::size_t bytes) { size_ += bytes; }
  void Append(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(tail(), bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void Reserve(std::size_t capacity) {
    void* grown = std::realloc(block_.get(), capacity + Buffer::kPadding);
    if (grown == nullptr) throw std::bad_alloc();
    static_cast<void>(block_.release());
    block_.reset(static_cast<char*>(grown));
    capacity_ = capacity;
  }
  void Free() {
    block_.reset();
    size_ = capacity_ = 0;
  }

 private:
  struct Deleter {
    void operator()(char* block) const { std::free(block); }
  };
  std::unique_ptr<char, Deleter> block_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace reflex::http
