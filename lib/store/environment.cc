#include "store/environment.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <utility>

#include <lmdb.h>

#include "store/file_check.h"
#include "store/record.h"
#include "store/values.h"

namespace reflex::store {
namespace {

constexpr unsigned int kReadersMax = 510;
// Ids start at 1 and grow by one a piece; only damage reaches this.
constexpr std::uint64_t kIdMax = 1ull << 62;

std::size_t IdleIndex() { return std::hash<std::thread::id>{}(std::this_thread::get_id()); }

int PutFormat(MDB_txn* txn, Environment::Table main) {
  const std::uint32_t record[2] = {kFormat, ~kFormat};
  MDB_val key = Value(kFormatName);
  MDB_val data{sizeof record, const_cast<std::uint32_t*>(record)};
  const int code = mdb_put(txn, main, &key, &data, MDB_NOOVERWRITE);
  return code == MDB_KEYEXIST ? 0 : code;
}

std::uint64_t TablePages(MDB_txn* txn, Environment::Table table) {
  MDB_stat stat;
  if (mdb_stat(txn, table, &stat) != 0) return 0;
  return stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
}

std::uint64_t IndexPages(MDB_txn* txn, const Environment& environment) {
  std::uint64_t pages = 0;
  for (const auto table : {environment.keys(), environment.expiry(), environment.scopes(), environment.vectors(),
                           environment.notes(), environment.rules()}) {
    pages += TablePages(txn, table);
  }
  return pages;
}

// Meta pages, the free list (table 0), and ours.
std::uint64_t AllPages(MDB_txn* txn, const Environment& environment) {
  return 2 + TablePages(txn, 0) + TablePages(txn, environment.main()) + TablePages(txn, environment.values()) +
         IndexPages(txn, environment);
}

}  // namespace

Error LmdbError(std::string_view what, int code) {
  ErrorCode ours = code > 0 ? ErrorCode::kIo : ErrorCode::kInternal;
  if (code == MDB_MAP_FULL || code == ENOSPC || code == EDQUOT || code == EFBIG || code == MDB_TXN_FULL) ours = ErrorCode::kFull;
  if (code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID || code == MDB_VERSION_MISMATCH ||
      code == MDB_INCOMPATIBLE) {
    ours = ErrorCode::kCorrupt;
  }
  if (code == MDB_READERS_FULL || code == EAGAIN) ours = ErrorCode::kBusy;
  return Error{ours, std::string(what) + ": " + mdb_strerror(code)};
}

Result<std::unique_ptr<Environment>> Environment::Open(const Options& options) {
  std::unique_ptr<Environment> environment(new Environment);
  const std::string what = "cannot open the store in " + options.path.string();
  if (const int code = mdb_env_create(&environment->env_); code != 0) return std::unexpected(LmdbError(what, code));
  MDB_env* env = environment->env_;
  mdb_env_set_maxdbs(env, 7);
  mdb_env_set_maxreaders(env, kReadersMax);
  mdb_env_set_mapsize(env, options.map_bytes);
  // Reads are of random pages: reading ahead would only fill memory.
  const unsigned int flags = MDB_NOTLS | MDB_NORDAHEAD | (options.sync ? 0u : static_cast<unsigned int>(MDB_NOSYNC));
  if (const int code = mdb_env_open(env, options.path.c_str(), flags, 0600); code != 0) {
    return std::unexpected(LmdbError(what, code));
  }
  // A new file's empty tables need not survive a power cut, and the start need not wait for the disk; the first commit syncs.
  if (options.sync) mdb_env_set_flags(env, MDB_NOSYNC, 1);
  REFLEX_CHECK(environment->OpenTables());
  if (options.sync) mdb_env_set_flags(env, MDB_NOSYNC, 0);
  return environment;
}

Result<void> Environment::OpenTables() {
  MDB_txn* txn = nullptr;
  int code = mdb_txn_begin(env_, nullptr, 0, &txn);
  if (code != 0) return std::unexpected(LmdbError("cannot begin a transaction", code));
  code = mdb_dbi_open(txn, nullptr, 0, &main_);
  if (code == 0) code = PutFormat(txn, main_);
  if (code == 0) code = mdb_dbi_open(txn, kValuesName, MDB_CREATE | MDB_INTEGERKEY, &values_);
  if (code == 0) code = mdb_dbi_open(txn, kKeysName, MDB_CREATE, &keys_);
  if (code == 0) code = mdb_dbi_open(txn, kExpiryName, MDB_CREATE, &expiry_);
  if (code == 0) code = mdb_dbi_open(txn, kScopesName, MDB_CREATE, &scopes_);
  if (code == 0) code = mdb_dbi_open(txn, kVectorsName, MDB_CREATE, &vectors_);
  if (code == 0) code = mdb_dbi_open(txn, kNotesName, MDB_CREATE, &notes_);
  if (code == 0) code = mdb_dbi_open(txn, kRulesName, MDB_CREATE, &rules_);
  if (code == 0) code = GetNumber(txn, main_, kFloorName, floor_);
  if (code == MDB_NOTFOUND) code = 0;
  next_id_ = next_rule_ = 1;
  MDB_stat stat{};
  if (code == 0) code = mdb_stat(txn, keys_, &stat);
  entries_ = stat.ms_entries;
  MDB_cursor* cursor = nullptr;
  if (code == 0) code = mdb_cursor_open(txn, values_, &cursor);
  MDB_val key{}, data{};
  if (code == 0 && mdb_cursor_get(cursor, &key, &data, MDB_LAST) == 0) {
    std::uint64_t last;
    std::memcpy(&last, key.mv_data, sizeof last);
    next_id_ = last + 1;
  }
  if (cursor != nullptr) mdb_cursor_close(cursor);
  cursor = nullptr;
  if (code == 0) code = mdb_cursor_open(txn, rules_, &cursor);
  if (code == 0 && mdb_cursor_get(cursor, &key, &data, MDB_LAST) == 0) {
    const auto number = DecodeRuleKey({static_cast<const char*>(key.mv_data), key.mv_size});
    // A damaged one would only make the next key sort elsewhere.
    next_rule_ = number && *number < kIdMax ? *number + 1 : kIdMax;
  }
  if (cursor != nullptr) mdb_cursor_close(cursor);
  next_id_ = std::max({next_id_, floor_, std::uint64_t{1}});
  if (code == 0 && next_id_ > kIdMax) code = MDB_CORRUPTED;
  if (code != 0) {
    mdb_txn_abort(txn);
    return std::unexpected(LmdbError("cannot read the store's tables", code));
  }
  code = mdb_txn_commit(txn);
  if (code != 0) return std::unexpected(LmdbError("cannot make the store's tables", code));
  return {};
}

Result<void> Environment::Sync(bool each_commit) {
  if (const int code = mdb_env_sync(env_, 1); code != 0) return std::unexpected(LmdbError("cannot sync the store's file", code));
  mdb_env_set_flags(env_, MDB_NOSYNC, each_commit ? 0 : 1);
  return {};
}

Environment::~Environment() {
  for (auto& place : idle_) Close(place.exchange(nullptr));
  if (env_ != nullptr) mdb_env_close(env_);
}

void Environment::Close(Reader* reader) {
  if (reader == nullptr) return;
  // With MDB_NOTLS the cursor of a read transaction is closed by hand, in either order.
  if (reader->values != nullptr) mdb_cursor_close(reader->values);
  for (MDB_cursor* cursor : reader->cursors) {
    if (cursor != nullptr) mdb_cursor_close(cursor);
  }
  if (reader->txn != nullptr) mdb_txn_abort(reader->txn);
  delete reader;
}

std::uint64_t Environment::OldestReader() const {
  // LMDB tells its readers only as text: a line of process, thread and transaction for each, "-" where it is idle.
  std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
  const auto each = [](const char* line, void* context) {
    const std::string_view text(line);
    const auto end = text.find_last_not_of(" \n");
    if (end == std::string_view::npos) return 0;
    const auto start = text.find_last_of(' ', end) + 1;
    std::uint64_t txnid = 0;
    if (std::from_chars(text.data() + start, text.data() + end + 1, txnid).ec == std::errc()) {
      auto* least = static_cast<std::uint64_t*>(context);
      *least = std::min(*least, txnid);
    }
    return 0;
  };
  mdb_reader_list(env_, each, &oldest);
  return oldest;
}

Result<PageCounts> Environment::CountPages() {
  MDB_envinfo info;
  MDB_stat stat;
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &stat);
  const std::uint64_t oldest = std::min<std::uint64_t>(OldestReader(), info.me_last_txnid);
  PageCounts counts;
  counts.page_bytes = stat.ms_psize;
  counts.file = info.me_last_pgno + 1;
  counts.pinned = oldest < info.me_last_txnid;
  const ReadLease lease(*this);
  if (lease.error() != 0) return std::unexpected(LmdbError("cannot count the store's pages", lease.error()));
  counts.live = AllPages(lease.txn(), *this);
  counts.index = IndexPages(lease.txn(), *this);
  counts.notes = TablePages(lease.txn(), notes_);
  MDB_cursor* cursor = nullptr;
  if (const int code = mdb_cursor_open(lease.txn(), 0, &cursor); code != 0) {
    return std::unexpected(LmdbError("cannot read the store's free list", code));
  }
  MDB_val key{}, data{};
  while (mdb_cursor_get(cursor, &key, &data, MDB_NEXT) == 0) {
    std::uint64_t freed_by, pages;
    std::memcpy(&freed_by, key.mv_data, sizeof freed_by);
    std::memcpy(&pages, data.mv_data, sizeof pages);
    if (freed_by >= oldest) break;
    counts.reusable += pages;
  }
  mdb_cursor_close(cursor);
  return counts;
}

std::uint64_t Environment::file_bytes() const {
  int file = -1;
  struct stat status{};
  if (mdb_env_get_fd(env_, &file) != 0 || ::fstat(file, &status) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_size);
}

void Environment::ForgetDeadReaders() {
  int dead = 0;
  mdb_reader_check(env_, &dead);
}

ReadLease::ReadLease(Environment& environment) : environment_(environment) {
  const std::size_t start = IdleIndex();
  for (std::size_t i = 0; i < environment_.idle_.size() && reader_ == nullptr; ++i) {
    // Acquire pairs with the release in the destructor: the transaction's own fields travel with the pointer.
    reader_ = environment_.idle_[(start + i) % environment_.idle_.size()].exchange(nullptr, std::memory_order_acquire);
    if (reader_ != nullptr) {
      error_ = mdb_txn_renew(reader_->txn);
      if (error_ == 0) error_ = mdb_cursor_renew(reader_->txn, reader_->values);
    }
  }
  if (reader_ == nullptr) {
    reader_ = new Environment::Reader;
    error_ = mdb_txn_begin(environment_.env_, nullptr, MDB_RDONLY, &reader_->txn);
    if (error_ == 0) error_ = mdb_cursor_open(reader_->txn, environment_.values_, &reader_->values);
  }
  if (error_ != 0) Environment::Close(std::exchange(reader_, nullptr));
}

MDB_cursor* ReadLease::Cursor(Environment::Table table) {
  MDB_cursor*& cursor = reader_->cursors[table];
  if (!reader_->renewed[table]) {
    error_ = cursor != nullptr ? mdb_cursor_renew(reader_->txn, cursor) : mdb_cursor_open(reader_->txn, table, &cursor);
    if (error_ != 0) return nullptr;
    reader_->renewed[table] = true;
  }
  return cursor;
}

ReadLease::~ReadLease() {
  if (reader_ == nullptr) return;
  mdb_txn_reset(reader_->txn);
  reader_->renewed.fill(false);
  const std::size_t start = IdleIndex();
  for (std::size_t i = 0; i < environment_.idle_.size(); ++i) {
    Environment::Reader* empty = nullptr;
    if (environment_.idle_[(start + i) % environment_.idle_.size()].compare_exchange_strong(
            empty, reader_, std::memory_order_release, std::memory_order_relaxed)) {
      return;
    }
  }
  Environment::Close(reader_);
}

WriteTransaction::WriteTransaction(Environment& environment) : environment_(environment) {
  error_ = mdb_txn_begin(environment.handle(), nullptr, 0, &txn_);
  if (error_ != 0) txn_ = nullptr;
}

WriteTransaction::~WriteTransaction() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

int WriteTransaction::Commit() { return mdb_txn_commit(std::exchange(txn_, nullptr)); }

std::uint64_t WriteTransaction::LivePages() const { return AllPages(txn_, environment_); }

int PutNumber(MDB_txn* txn, Environment::Table main, std::string_view name, std::uint64_t value) {
  std::uint64_t record[2] = {value, ~value};
  MDB_val key = Value(name);
  MDB_val data{sizeof record, record};
  return mdb_put(txn, main, &key, &data, 0);
}

int GetNumber(MDB_txn* txn, Environment::Table main, std::string_view name, std::uint64_t& value) {
  MDB_val key = Value(name);
  MDB_val data{};
  if (const int code = mdb_get(txn, main, &key, &data); code != 0) return code;
  std::uint64_t record[2];
  if (data.mv_size != sizeof record) return MDB_CORRUPTED;
  std::memcpy(record, data.mv_data, sizeof record);
  if (record[0] != ~record[1]) return MDB_CORRUPTED;
  value = record[0];
  return 0;
}

}  // namespace reflex::store
