#include "store/file_check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace reflex::store {
namespace {

// The layout below is that of LMDB 0.9 (mdb.c: MDB_page, MDB_node, MDB_meta, MDB_db), 64 bit.
constexpr std::uint64_t kPageHeaderBytes = 16;
constexpr std::uint64_t kNodeHeaderBytes = 8;
constexpr std::uint64_t kTreeBytes = 48;
constexpr std::uint64_t kFirstDataPage = 2;
constexpr std::uint64_t kNoPage = ~std::uint64_t{0};
constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kDataVersion = 1;
constexpr std::uint16_t kBranch = 0x01, kLeaf = 0x02, kOverflow = 0x04, kMeta = 0x08;
constexpr std::uint16_t kBigData = 0x01, kSubTree = 0x02;
constexpr std::uint16_t kIntegerKey = 0x08, kNoSubFolder = 0x4000;
constexpr std::uint64_t kKeyBytesMax = 511;
constexpr std::uint16_t kDepthMax = 32;
// Pages given out and freed again within one commit are counted but never written, so the file may end before the last page.
constexpr std::uint64_t kUnwrittenPagesMax = 131072;

class MappedFile {
 public:
  MappedFile() = default;
  ~MappedFile() {
    if (data_ != nullptr) ::munmap(data_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  Result<void> Open(const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return std::unexpected(base::FileError("cannot open", path, errno));
    struct stat status{};
    void* data = MAP_FAILED;
    if (::fstat(file, &status) == 0 && status.st_size > 0) {
      size_ = static_cast<std::uint64_t>(status.st_size);
      data = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
    }
    const int error = errno;
    ::close(file);
    if (status.st_size == 0) return Fail(ErrorCode::kCorrupt, path.string() + " is empty");
    if (data == MAP_FAILED) return std::unexpected(base::FileError("cannot map", path, error));
    data_ = data;
    return {};
  }
  const char* data() const { return static_cast<const char*>(data_); }
  std::uint64_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  std::uint64_t size_ = 0;
};

struct Tree {
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t branch_pages = 0, leaf_pages = 0, overflow_pages = 0, entries = 0;
  std::uint64_t root = kNoPage;

  friend bool operator==(const Tree&, const Tree&) = default;
};

struct Node {
  std::uint16_t flags = 0;
  std::string_view key;
  std::uint64_t child = 0;  // Branch: the page below.
  std::string_view data;    // Leaf: the data, or the 8 bytes that name an overflow page.
  std::uint64_t data_bytes = 0;
};

struct NamedTable {
  std::string_view name;
  std::uint16_t flags = 0;
  bool overflows = false;  // Whether data may have pages of its own.
};
constexpr std::array<NamedTable, 7> kTables{{{kValuesName, kIntegerKey},
                                             {kKeysName},
                                             {kExpiryName},
                                             {kScopesName},
                                             {kVectorsName, 0, true},
                                             {kNotesName, 0, true},
                                             {kRulesName}}};

enum class Order { kBytes, kInteger };

// Keys of a page lie in [low, high); null is no bound.
struct Bounds {
  const std::string_view* low = nullptr;
  const std::string_view* high = nullptr;
};

class Checker {
 public:
  explicit Checker(const MappedFile& file) : data_(file.data()), size_(file.size()) {}

  bool CheckHead();
  bool CheckRest();
  std::uint32_t format() const { return format_; }
  bool has_format() const { return has_format_; }
  bool has_tables() const {
    return std::ranges::all_of(tables_, [](const auto& tree) { return tree.has_value(); });
  }
  bool is_new() const { return txnid_ == 0 && main_.root == kNoPage && free_.root == kNoPage; }
  std::uint64_t pages_checked() const { return pages_checked_; }
  const std::string& problem() const { return problem_; }

 private:
  enum class Table { kFree, kMain, kNamed, kNamedOverflowing };

  template <class T>
  T Load(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, data_ + offset, sizeof value);
    return value;
  }
  bool Bad(std::uint64_t page, std::string_view what) {
    problem_ = "page " + std::to_string(page) + ": " + std::string(what);
    return false;
  }
  Tree LoadTree(const char* bytes) const;
  bool ReadMetas();
  bool ReadMeta(std::uint64_t index);
  bool Claim(std::uint64_t page);
  bool WalkTree(const Tree& recorded, Table table);
  bool WalkPage(std::uint64_t page, std::uint16_t level, Bounds bounds);
  bool WalkBranch(std::uint64_t page, std::uint16_t level, Bounds bounds, std::uint64_t count);
  bool WalkLeaf(std::uint64_t page, Bounds bounds, std::uint64_t count);
  bool ReadNode(std::uint64_t page, std::uint64_t index, bool leaf, std::uint64_t upper, Node& node);
  bool CheckData(std::uint64_t page, const Node& node);
  bool CheckOverflow(std::uint64_t page, Node node, std::string_view& data);
  bool CheckFreeRecord(std::uint64_t page, const Node& node, std::string_view data);
  bool ReadMainRecord(std::uint64_t page, const Node& node, std::string_view data);
  int Compare(std::string_view a, std::string_view b) const;

  const char* const data_;
  const std::uint64_t size_;
  std::uint64_t page_bytes_ = 0;
  std::uint64_t file_pages_ = 0;
  std::uint64_t last_page_ = 0;
  std::uint64_t txnid_ = 0;
  Tree free_, main_;
  std::array<std::optional<Tree>, kTables.size()> tables_;
  std::uint32_t format_ = 0;
  bool has_format_ = false;
  bool has_foreign_table_ = false;
  std::vector<bool> claimed_;
  std::uint64_t pages_checked_ = 0;
  std::string problem_;
  // The tree being walked.
  Table table_ = Table::kMain;
  Order order_ = Order::kBytes;
  Tree counted_;
};

Tree Checker::LoadTree(const char* bytes) const {
  const auto offset = static_cast<std::uint64_t>(bytes - data_);
  Tree tree;
  tree.flags = Load<std::uint16_t>(offset + 4);
  tree.depth = Load<std::uint16_t>(offset + 6);
  tree.branch_pages = Load<std::uint64_t>(offset + 8);
  tree.leaf_pages = Load<std::uint64_t>(offset + 16);
  tree.overflow_pages = Load<std::uint64_t>(offset + 24);
  tree.entries = Load<std::uint64_t>(offset + 32);
  tree.root = Load<std::uint64_t>(offset + 40);
  return tree;
}

bool Checker::ReadMeta(std::uint64_t index) {
  const std::uint64_t page = index * page_bytes_;
  const std::uint64_t meta = page + kPageHeaderBytes;
  if ((Load<std::uint16_t>(page + 10) & kMeta) == 0) return Bad(index, "is no meta page");
  if (Load<std::uint32_t>(meta) != kMagic || Load<std::uint32_t>(meta + 4) != kDataVersion) return Bad(index, "has no LMDB magic");
  if (Load<std::uint32_t>(meta + 24) != page_bytes_) return Bad(index, "names another page size");
  const auto txnid = Load<std::uint64_t>(meta + 24 + 2 * kTreeBytes + 8);
  // LMDB finds a transaction's meta page by the parity of its number.
  if (txnid != 0 && (txnid & 1) != index) return Bad(index, "has a transaction number of the other meta page");
  if (index != 0 && txnid < txnid_) return true;
  txnid_ = txnid;
  last_page_ = Load<std::uint64_t>(meta + 24 + 2 * kTreeBytes);
  free_ = LoadTree(data_ + meta + 24);
  main_ = LoadTree(data_ + meta + 24 + kTreeBytes);
  return true;
}

bool Checker::ReadMetas() {
  if (size_ < kPageHeaderBytes + 32) return Bad(0, "is cut off");
  page_bytes_ = Load<std::uint32_t>(kPageHeaderBytes + 24);
  if (page_bytes_ < 512 || page_bytes_ > 65536 || (page_bytes_ & (page_bytes_ - 1)) != 0)
    return Bad(0, "has an impossible page size");
  if (size_ < kFirstDataPage * page_bytes_) return Bad(1, "is cut off");
  if (!ReadMeta(0) || !ReadMeta(1)) return false;
  file_pages_ = size_ / page_bytes_;
  if (last_page_ + 1 < kFirstDataPage || last_page_ >= file_pages_ + kUnwrittenPagesMax) {
    return Bad(last_page_, "is the last page by the meta page, far behind the end of the file");
  }
  if ((free_.flags & ~kNoSubFolder) != kIntegerKey || main_.flags != 0) return Bad(txnid_ & 1, "has impossible table flags");
  claimed_.assign(last_page_ + 1, false);
  return true;
}

bool Checker::CheckHead() {
  if (!ReadMetas() || !WalkTree(main_, Table::kMain)) return false;
  return has_foreign_table_ && format_ <= kFormat ? Bad(main_.root, "names a table that is not ours") : true;
}

bool Checker::CheckRest() {
  for (std::size_t i = 0; i < kTables.size(); ++i) {
    if (!tables_[i]) continue;
    if (tables_[i]->flags != kTables[i].flags) return Bad(main_.root, "gives a table impossible flags");
    if (!WalkTree(*tables_[i], kTables[i].overflows ? Table::kNamedOverflowing : Table::kNamed)) return false;
  }
  // Last, so that a free page in use is found as one.
  return WalkTree(free_, Table::kFree);
}

bool Checker::Claim(std::uint64_t page) {
  if (page < kFirstDataPage || page > last_page_) return Bad(page, "is named but out of range");
  if (claimed_[page]) return Bad(page, "is used twice");
  claimed_[page] = true;
  return true;
}

bool Checker::WalkTree(const Tree& recorded, Table table) {
  table_ = table;
  order_ = (recorded.flags & kIntegerKey) != 0 ? Order::kInteger : Order::kBytes;
  counted_ = Tree{};
  counted_.flags = recorded.flags;
  counted_.root = recorded.root;
  counted_.depth = recorded.depth;
  if (recorded.root == kNoPage) {
    return recorded.depth == 0 && recorded.entries == 0 ? true : Bad(recorded.root, "is the root of a table that is not empty");
  }
  if (recorded.depth == 0 || recorded.depth > kDepthMax) return Bad(recorded.root, "is the root of an impossibly deep table");
  if (!WalkPage(recorded.root, 1, {})) return false;
  return counted_ == recorded ? true : Bad(recorded.root, "is the root of a table whose record has other counts");
}

bool Checker::WalkPage(std::uint64_t page, std::uint16_t level, Bounds bounds) {
  if (!Claim(page)) return false;
  if (page >= file_pages_) return Bad(page, "is in use but behind the end of the file");
  ++pages_checked_;
  const std::uint64_t start = page * page_bytes_;
  const bool leaf = level == counted_.depth;
  if (Load<std::uint64_t>(start) != page) return Bad(page, "has another number");
  if (Load<std::uint16_t>(start + 10) != (leaf ? kLeaf : kBranch)) return Bad(page, "has another kind than its place");
  const std::uint64_t lower = Load<std::uint16_t>(start + 12);
  const std::uint64_t upper = Load<std::uint16_t>(start + 14);
  if (lower < kPageHeaderBytes || lower % 2 != 0 || lower > upper || upper > page_bytes_) return Bad(page, "has impossible bounds");
  const std::uint64_t count = (lower - kPageHeaderBytes) / 2;
  // LMDB asserts two children a branch, except in the free list (ITS#8336).
  if (count < (leaf || table_ == Table::kFree ? 1u : 2u)) return Bad(page, "has too few nodes");
  return leaf ? WalkLeaf(page, bounds, count) : WalkBranch(page, level, bounds, count);
}

bool Checker::ReadNode(std::uint64_t page, std::uint64_t index, bool leaf, std::uint64_t upper, Node& node) {
  const std::uint64_t start = page * page_bytes_;
  const std::uint64_t place = Load<std::uint16_t>(start + kPageHeaderBytes + 2 * index);
  if (place < upper || place % 2 != 0 || place + kNodeHeaderBytes > page_bytes_) return Bad(page, "has a node out of its bounds");
  const std::uint64_t low = Load<std::uint16_t>(start + place);
  const std::uint64_t high = Load<std::uint16_t>(start + place + 2);
  node.flags = Load<std::uint16_t>(start + place + 4);
  const std::uint64_t key_bytes = Load<std::uint16_t>(start + place + 6);
  node.child = low | (high << 16) | (std::uint64_t{node.flags} << 32);
  node.data_bytes = low | (high << 16);
  std::uint64_t inside = 0;
  if (leaf) inside = (node.flags & kBigData) != 0 ? sizeof(std::uint64_t) : node.data_bytes;
  if (key_bytes > kKeyBytesMax || place + kNodeHeaderBytes + key_bytes + inside > page_bytes_) {
    return Bad(page, "has a node larger than the page");
  }
  const char* key = data_ + start + place + kNodeHeaderBytes;
  node.key = {key, key_bytes};
  node.data = {key + key_bytes, inside};
  const bool first_of_branch = !leaf && index == 0;  // Its key is never read and usually empty.
  if (!first_of_branch && (key_bytes == 0 || (order_ == Order::kInteger && key_bytes != sizeof(std::uint64_t)))) {
    return Bad(page, "has a key of an impossible size");
  }
  return true;
}

int Checker::Compare(std::string_view a, std::string_view b) const {
  if (order_ == Order::kBytes) return a.compare(b);
  std::uint64_t x, y;
  std::memcpy(&x, a.data(), sizeof x);
  std::memcpy(&y, b.data(), sizeof y);
  return x < y ? -1 : (x > y ? 1 : 0);
}

bool Checker::WalkBranch(std::uint64_t page, std::uint16_t level, Bounds bounds, std::uint64_t count) {
  ++counted_.branch_pages;
  const std::uint64_t upper = Load<std::uint16_t>(page * page_bytes_ + 14);
  std::uint64_t filled = 0;
  Node node, next;
  if (!ReadNode(page, 0, false, upper, node)) return false;
  Bounds inner{bounds.low, bounds.high};
  for (std::uint64_t i = 0; i < count; ++i) {
    filled += (kNodeHeaderBytes + node.key.size() + 1) & ~std::uint64_t{1};
    inner.high = bounds.high;
    if (i + 1 < count) {
      if (!ReadNode(page, i + 1, false, upper, next)) return false;
      if (inner.low != nullptr && Compare(*inner.low, next.key) >= 0) return Bad(page, "has keys out of order");
      if (bounds.high != nullptr && Compare(next.key, *bounds.high) >= 0) return Bad(page, "has keys beyond its parent's");
      inner.high = &next.key;
    }
    if (!WalkPage(node.child, static_cast<std::uint16_t>(level + 1), inner)) return false;
    node = next;
    inner.low = &node.key;
  }
  return filled == page_bytes_ - upper ? true : Bad(page, "is not filled by its nodes");
}

bool Checker::WalkLeaf(std::uint64_t page, Bounds bounds, std::uint64_t count) {
  ++counted_.leaf_pages;
  const std::uint64_t upper = Load<std::uint16_t>(page * page_bytes_ + 14);
  std::uint64_t filled = 0;
  Node node;
  std::string_view previous;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!ReadNode(page, i, true, upper, node)) return false;
    filled += (kNodeHeaderBytes + node.key.size() + node.data.size() + 1) & ~std::uint64_t{1};
    if (i > 0 && Compare(previous, node.key) >= 0) return Bad(page, "has keys out of order");
    if (i == 0 && bounds.low != nullptr && Compare(node.key, *bounds.low) < 0) return Bad(page, "has keys below its parent's");
    previous = node.key;
    ++counted_.entries;
    if (!CheckData(page, node)) return false;
  }
  if (bounds.high != nullptr && Compare(previous, *bounds.high) >= 0) return Bad(page, "has keys beyond its parent's");
  return filled == page_bytes_ - upper ? true : Bad(page, "is not filled by its nodes");
}

bool Checker::CheckData(std::uint64_t page, const Node& node) {
  std::uint16_t allowed = table_ == Table::kNamed ? 0 : kBigData;
  if (table_ == Table::kMain) allowed |= kSubTree;
  if ((node.flags & ~allowed) != 0) return Bad(page, "has a node of a kind its table does not hold");
  std::string_view data = node.data;
  if ((node.flags & kBigData) != 0 && !CheckOverflow(page, node, data)) return false;
  if (table_ == Table::kFree) return CheckFreeRecord(page, node, data);
  if (table_ == Table::kMain) return ReadMainRecord(page, node, data);
  return true;
}

bool Checker::CheckOverflow(std::uint64_t page, Node node, std::string_view& data) {
  std::uint64_t first;
  std::memcpy(&first, node.data.data(), sizeof first);
  const std::uint64_t pages = (kPageHeaderBytes + node.data_bytes + page_bytes_ - 1) / page_bytes_;
  if (first < kFirstDataPage || first > last_page_ || pages > file_pages_ || first + pages > file_pages_) {
    return Bad(page, "names an overflow page out of range");
  }
  const std::uint64_t start = first * page_bytes_;
  // LMDB frees as many pages as the header says, which may be more than the data needs.
  const std::uint64_t held = Load<std::uint32_t>(start + 12);
  if (Load<std::uint64_t>(start) != first || Load<std::uint16_t>(start + 10) != kOverflow || held < pages ||
      held > last_page_ + 1 - first) {
    return Bad(first, "is no overflow page of the size its node says");
  }
  for (std::uint64_t i = 0; i < held; ++i) {
    if (!Claim(first + i)) return false;
  }
  counted_.overflow_pages += held;
  pages_checked_ += held;
  data = {data_ + start + kPageHeaderBytes, node.data_bytes};
  return true;
}

bool Checker::CheckFreeRecord(std::uint64_t page, const Node& node, std::string_view data) {
  std::uint64_t freed_by;
  std::memcpy(&freed_by, node.key.data(), sizeof freed_by);
  if (freed_by > txnid_ || data.size() < sizeof(std::uint64_t)) return Bad(page, "has an impossible free list record");
  const auto at = [&](std::uint64_t i) {
    std::uint64_t value;
    std::memcpy(&value, data.data() + i * sizeof value, sizeof value);
    return value;
  };
  const std::uint64_t count = at(0);
  if (count > data.size() / sizeof(std::uint64_t) - 1) return Bad(page, "has a free list longer than its record");
  for (std::uint64_t i = 1; i <= count; ++i) {
    if (i > 1 && at(i) >= at(i - 1)) return Bad(page, "has a free list out of order");
    if (!Claim(at(i))) return false;
  }
  return true;
}

bool Checker::ReadMainRecord(std::uint64_t page, const Node& node, std::string_view data) {
  if ((node.flags & kSubTree) != 0) {
    if (data.size() != kTreeBytes) return Bad(page, "has a table record of another size");
    const auto known = std::ranges::find(kTables, node.key, &NamedTable::name);
    if (known != kTables.end()) {
      tables_[static_cast<std::size_t>(known - kTables.begin())] = LoadTree(data.data());
    } else {
      // Judged when the format is known: a newer one may have more tables.
      has_foreign_table_ = true;
    }
    return true;
  }
  if (node.key != kFormatName) return true;
  std::uint32_t number, complement;
  if (data.size() != sizeof number + sizeof complement) return Bad(page, "has a format record of another size");
  std::memcpy(&number, data.data(), sizeof number);
  std::memcpy(&complement, data.data() + sizeof number, sizeof complement);
  // Without the complement a flipped bit would pass for a newer format and stop the start.
  if (number != ~complement) return Bad(page, "has a damaged format record");
  format_ = number;
  has_format_ = true;
  return true;
}

}  // namespace

Result<FileReport> CheckFile(const std::filesystem::path& path, CheckDepth depth) {
  MappedFile file;
  REFLEX_CHECK(file.Open(path));
  Checker checker(file);
  const auto corrupt = [&] { return Fail(ErrorCode::kCorrupt, path.string() + ", " + checker.problem()); };
  const bool head = checker.CheckHead();
  if (checker.has_format() && checker.format() > kFormat) {
    return Fail(ErrorCode::kNewerFormat, path.string() + " has format " + std::to_string(checker.format()) +
                                             ", this program reads up to " + std::to_string(kFormat));
  }
  if (!head) return corrupt();
  // The process that made the file died before it had made the tables: as good as new.
  if (checker.is_new()) return FileReport{};
  if (!checker.has_format() || checker.format() != kFormat || !checker.has_tables()) {
    return Fail(ErrorCode::kUnsupported, path.string() + " is of an older format or none of ours");
  }
  if (depth == CheckDepth::kWhole && !checker.CheckRest()) return corrupt();
  return FileReport{checker.format(), checker.pages_checked()};
}

}  // namespace reflex::store
