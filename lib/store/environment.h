#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "reflex/result.h"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace reflex::store {

// Pages of the file, as of the last commit.
struct PageCounts {
  std::uint64_t page_bytes = 4096;
  std::uint64_t file = 0;      // In the file.
  std::uint64_t live = 0;      // In use by the tables.
  std::uint64_t index = 0;     // Of those, in other tables than that of values.
  std::uint64_t notes = 0;     // Of those, in the note table.
  std::uint64_t reusable = 0;  // Free, and no reader still sees what was on them.
  bool pinned = false;         // A reader of an older state keeps free pages from being reused.
};

// An error of LMDB as ours: kFull for a full map or disk, kCorrupt for damage it noticed, else kIo or kInternal.
Error LmdbError(std::string_view what, int code);

// An open LMDB environment with the store's tables (docs/store.md) and a pool of idle read transactions. Readers are
// thread-safe; one thread at a time writes.
class Environment {
 public:
  using Table = unsigned int;

  struct Options {
    std::filesystem::path path;
    std::uint64_t map_bytes = 0;
    bool sync = true;
  };
  // Makes the tables when they are not there. REQUIRES: an existing file passed CheckFile. Returns: kIo, kFull, kCorrupt, kBusy.
  static Result<std::unique_ptr<Environment>> Open(const Options& options);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  MDB_env* handle() const { return env_; }
  Table values() const { return values_; }
  Table keys() const { return keys_; }
  Table expiry() const { return expiry_; }
  Table scopes() const { return scopes_; }
  Table vectors() const { return vectors_; }
  Table notes() const { return notes_; }
  Table rules() const { return rules_; }
  Table main() const { return main_; }

  // What the file said at open.
  std::uint64_t next_id() const { return next_id_; }
  std::uint64_t floor() const { return floor_; }
  std::uint64_t entries() const { return entries_; }
  std::uint64_t next_rule() const { return next_rule_; }

  // The same, as the file says now. For the thread that writes, outside a transaction. Returns: kIo, kFull, kCorrupt.
  Result<void> Reread() { return OpenTables(); }
  // Writes everything committed to the disk. From then on each commit does so too, if `each_commit`. Returns: kIo, kFull.
  Result<void> Sync(bool each_commit);

  // For the writer thread, outside a transaction.
  Result<PageCounts> CountPages();
  std::uint64_t file_bytes() const;
  // Frees the slots of readers in other processes that died.
  void ForgetDeadReaders();

 private:
  friend class ReadLease;
  // Two of LMDB's own, and seven.
  static constexpr std::size_t kTablesMax = 9;
  struct Reader {
    MDB_txn* txn = nullptr;
    MDB_cursor* values = nullptr;
    // By table; made when first used, valid in the present transaction where `renewed` says so.
    std::array<MDB_cursor*, kTablesMax> cursors{};
    std::array<bool, kTablesMax> renewed{};
  };
  Environment() = default;
  Result<void> OpenTables();
  std::uint64_t OldestReader() const;
  static void Close(Reader* reader);

  MDB_env* env_ = nullptr;
  Table main_ = 0, values_ = 0, keys_ = 0, expiry_ = 0, scopes_ = 0, vectors_ = 0, notes_ = 0, rules_ = 0;
  std::uint64_t next_id_ = 1;
  std::uint64_t floor_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t next_rule_ = 1;
  // Renewing a finished read transaction costs neither a lock nor memory. Each place holds one or null; taken with exchange.
  std::array<std::atomic<Reader*>, 32> idle_{};
};

// One read transaction, for as long as this lives: keep that short, the file cannot reuse pages meanwhile.
class ReadLease {
 public:
  explicit ReadLease(Environment& environment);
  ~ReadLease();
  ReadLease(const ReadLease&) = delete;
  ReadLease& operator=(const ReadLease&) = delete;

  // 0, or LMDB's error when there is no transaction.
  int error() const { return error_; }
  MDB_txn* txn() const { return reader_->txn; }
  MDB_cursor* values() const { return reader_->values; }
  // A cursor of any table, at no place; null when there is no memory, then error() is set.
  MDB_cursor* Cursor(Environment::Table table);

 private:
  Environment& environment_;
  Environment::Reader* reader_ = nullptr;
  int error_ = 0;
};

// The one write transaction; aborts unless committed. Functions return LMDB's codes.
class WriteTransaction {
 public:
  explicit WriteTransaction(Environment& environment);
  ~WriteTransaction();
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;

  int error() const { return error_; }
  MDB_txn* txn() const { return txn_; }
  int Commit();
  // Pages in use by the tables, this transaction's changes included.
  std::uint64_t LivePages() const;

 private:
  Environment& environment_;
  MDB_txn* txn_ = nullptr;
  int error_ = 0;
};

// A number in the main table, kept with its complement so that a damaged one is noticed.
constexpr char kFloorName[] = "reflex.floor";
constexpr char kStartsName[] = "reflex.starts";
int PutNumber(MDB_txn* txn, Environment::Table main, std::string_view name, std::uint64_t value);
// MDB_NOTFOUND leaves `value` alone; MDB_CORRUPTED when the complement does not fit.
int GetNumber(MDB_txn* txn, Environment::Table main, std::string_view name, std::uint64_t& value);

}  // namespace reflex::store
