#include "verify/model.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/log_text.h"

extern "C" const char reflex_data_verifier_begin[];
extern "C" const char reflex_data_verifier_end[];

namespace reflex::verify {
namespace {

constexpr std::string_view kHeader = "reflex-verifier ";
constexpr unsigned kVersion = 1;

std::string_view TakeWord(std::string_view& line) {
  while (line.starts_with(' ')) line.remove_prefix(1);
  const std::size_t size = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, size);
  line.remove_prefix(size);
  return word;
}

template <class T>
std::optional<T> TakeNumber(std::string_view& line) {
  const std::string_view word = TakeWord(line);
  T value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || word.empty()) return std::nullopt;
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) return std::nullopt;
  }
  return value;
}

}  // namespace

// Reads line by line; every failure names its line.
class ModelParser {
 public:
  explicit ModelParser(std::string_view text) : rest_(text) {}

  Result<Model> Parse() {
    if (rest_.size() > Model::kBytesMax)
      return Fail(ErrorCode::kInvalidArgument, "verifier model: " + std::to_string(rest_.size()) + " bytes; at most " +
                                                   std::to_string(Model::kBytesMax) + " are read");
    REFLEX_CHECK(ReadHeader());
    while (NextLine()) {
      std::string_view line = line_;
      const std::string_view keyword = TakeWord(line);
      Result<void> done;
      if (keyword == "feature") {
        done = ReadFeature(line);
      } else if (keyword == "intercept") {
        done = ReadIntercept(line);
      } else if (keyword == "bend") {
        done = ReadBend(line);
      } else if (keyword == "join") {
        done = ReadJoin(line);
      } else if (keyword == "builtin") {
        done = ReadShare(keyword, line, model_.join_.builtin);
      } else if (keyword == "net") {
        done = ReadShare(keyword, line, model_.join_.net);
      } else if (keyword == "tree") {
        done = ReadTree(line);
      } else if (keyword == "threshold") {
        done = ReadThreshold(line);
      } else if (keyword == "embedder") {
        model_.embedder_ = TakeWord(line);
        if (model_.embedder_.empty()) done = Wrong("embedder needs a name");
      } else if (keyword == "end") {
        return Finish();
      } else {
        done = Wrong("\"" + std::string(keyword) +
                     "\" is none of feature, intercept, bend, join, builtin, net, tree, threshold, embedder, end");
      }
      REFLEX_CHECK(done);
    }
    return Wrong("the file ends without the line \"end\"");
  }

 private:
  std::unexpected<Error> Wrong(std::string_view what) const {
    return Fail(ErrorCode::kInvalidArgument, "verifier model, line " + std::to_string(number_) + ": " + std::string(what));
  }

  // The next line that is neither empty nor a comment.
  bool NextLine() {
    while (!rest_.empty()) {
      const std::size_t size = std::min(rest_.find('\n'), rest_.size());
      line_ = rest_.substr(0, size);
      if (line_.ends_with('\r')) line_.remove_suffix(1);
      rest_.remove_prefix(std::min(size + 1, rest_.size()));
      ++number_;
      if (!line_.empty() && !line_.starts_with('#')) return true;
    }
    return false;
  }

  Result<void> ReadHeader() {
    if (!NextLine() || !line_.starts_with(kHeader)) return Wrong("the first line must be \"reflex-verifier 1\"");
    std::string_view line = line_.substr(kHeader.size());
    const auto version = TakeNumber<unsigned>(line);
    if (!version) return Wrong("the first line must be \"reflex-verifier 1\"");
    if (*version != kVersion)
      return Fail(ErrorCode::kNewerFormat, "verifier model: version " + std::to_string(*version) +
                                               " of the form; this program reads " + std::to_string(kVersion));
    return {};
  }

  Result<std::uint32_t> TakeFeature(std::string_view& line) const {
    const std::string_view name = TakeWord(line);
    const auto found = std::ranges::find(kFeatureNames, name);
    if (found == kFeatureNames.end())
      return Wrong("the feature " + base::Quoted(name.substr(0, 64)) + ", which this program does not know");
    return static_cast<std::uint32_t>(found - kFeatureNames.begin());
  }

  // feature NAME MEAN SCALE COEFFICIENT
  Result<void> ReadFeature(std::string_view line) {
    REFLEX_TRY(const std::uint32_t feature, TakeFeature(line));
    if (std::ranges::find(model_.weights_, feature, &Model::Weight::feature) != model_.weights_.end())
      return Wrong("feature " + std::string(kFeatureNames[feature]) + " is there twice");
    const auto mean = TakeNumber<double>(line), scale = TakeNumber<double>(line), coefficient = TakeNumber<double>(line);
    if (!mean || !scale || !coefficient || !TakeWord(line).empty())
      return Wrong("feature needs NAME MEAN SCALE COEFFICIENT, three finite numbers");
    if (*scale <= 0) return Wrong("a scale must be above 0");
    model_.weights_.push_back({feature, *mean, *scale, *coefficient});
    return {};
  }

  Result<void> ReadIntercept(std::string_view line) {
    const auto value = TakeNumber<double>(line);
    if (!value || has_intercept_ || !TakeWord(line).empty()) return Wrong("intercept needs one finite number, once");
    model_.intercept_ = *value;
    has_intercept_ = true;
    return {};
  }

  // bend FEATURE SLOPE OFFSET
  Result<void> ReadBend(std::string_view line) {
    REFLEX_TRY(const std::uint32_t feature, TakeFeature(line));
    const auto slope = TakeNumber<double>(line), offset = TakeNumber<double>(line);
    if (!slope || !offset || !TakeWord(line).empty()) return Wrong("bend needs FEATURE SLOPE OFFSET, two finite numbers");
    if (*slope <= -1) return Wrong("a slope must be above -1");
    if (model_.bends_.size() == kFeatures) return Wrong("more bends than features");
    model_.bends_.push_back({feature, *slope, *offset});
    return {};
  }

  // join SCALE OFFSET
  Result<void> ReadJoin(std::string_view line) {
    const auto scale = TakeNumber<double>(line), offset = TakeNumber<double>(line);
    if (!scale || !offset || *scale <= 0 || !TakeWord(line).empty() || model_.join_.scale > 0)
      return Wrong("join needs SCALE OFFSET, two finite numbers, SCALE above 0, once");
    model_.join_.scale = *scale;
    model_.join_.offset = *offset;
    return {};
  }

  // builtin WEIGHT, net WEIGHT, after join
  Result<void> ReadShare(std::string_view keyword, std::string_view line, double& share) {
    const auto weight = TakeNumber<double>(line);
    if (!weight || *weight <= 0 || !TakeWord(line).empty() || model_.join_.scale <= 0 || share > 0)
      return Wrong(std::string(keyword) + " needs a WEIGHT above 0, once, after the line join");
    share = *weight;
    return {};
  }

  // tree COUNT, then COUNT lines: leaf VALUE, or node FEATURE THRESHOLD LEFT RIGHT with positions in the tree behind this one's.
  Result<void> ReadTree(std::string_view line) {
    const auto count = TakeNumber<std::uint32_t>(line);
    if (!count || *count == 0 || !TakeWord(line).empty()) return Wrong("tree needs the number of its nodes");
    if (model_.roots_.size() == Model::kTreesMax) return Wrong("more than " + std::to_string(Model::kTreesMax) + " trees");
    const auto base = static_cast<std::uint32_t>(model_.nodes_.size());
    if (*count > Model::kNodesMax - base) return Wrong("more than " + std::to_string(Model::kNodesMax) + " nodes");
    model_.roots_.push_back(base);
    for (std::uint32_t position = 0; position < *count; ++position) {
      if (!NextLine()) return Wrong("the file ends inside a tree");
      REFLEX_CHECK(ReadNode(base, position, *count));
    }
    return {};
  }

  Result<void> ReadNode(std::uint32_t base, std::uint32_t position, std::uint32_t count) {
    std::string_view line = line_;
    const std::string_view kind = TakeWord(line);
    if (kind == "leaf") {
      const auto value = TakeNumber<double>(line);
      if (!value || !TakeWord(line).empty()) return Wrong("leaf needs one finite number");
      model_.nodes_.push_back({.threshold = *value});
      return {};
    }
    if (kind != "node") return Wrong("a tree's lines begin with node or leaf");
    REFLEX_TRY(const std::uint32_t feature, TakeFeature(line));
    const auto threshold = TakeNumber<double>(line);
    const auto left = TakeNumber<std::uint32_t>(line), right = TakeNumber<std::uint32_t>(line);
    if (!threshold || !left || !right || !TakeWord(line).empty()) return Wrong("node needs FEATURE THRESHOLD LEFT RIGHT");
    // Behind its parent and inside the tree: so every walk ends.
    if (*left <= position || *right <= position || *left >= count || *right >= count) {
      return Wrong("children must lie behind node " + std::to_string(position) + " and before " + std::to_string(count));
    }
    model_.nodes_.push_back({feature, base + *left, base + *right, *threshold});
    return {};
  }

  Result<void> ReadThreshold(std::string_view line) {
    const auto threshold = TakeNumber<double>(line), share = TakeNumber<double>(line);
    if (!threshold || !share || !TakeWord(line).empty()) return Wrong("threshold needs SCORE WRONG_SHARE");
    if (*threshold < 0 || *threshold > 1 || *share < 0 || *share > 1) return Wrong("score and share must lie between 0 and 1");
    if (!model_.table_.empty() && *threshold <= model_.table_.back().threshold) return Wrong("thresholds must ascend");
    model_.table_.push_back({*threshold, *share});
    return {};
  }

  Result<Model> Finish() {
    if (NextLine()) return Wrong("nothing may follow the line \"end\"");
    if (model_.weights_.empty() && model_.roots_.empty()) return Wrong("neither a feature nor a tree");
    if (!has_intercept_) return Wrong("no intercept");
    return std::move(model_);
  }

  std::string_view rest_, line_;
  std::size_t number_ = 0;
  bool has_intercept_ = false;
  Model model_;
};

Result<Model> Model::Parse(std::string_view text) { return ModelParser(text).Parse(); }

const Result<Model>& Model::Builtin() {
  static const Result<Model> model = Parse(std::string_view(reflex_data_verifier_begin, reflex_data_verifier_end));
  return model;
}

double Model::Score(const Features& features) const {
  double logit = intercept_;
  for (const Weight& weight : weights_) {
    logit += (static_cast<double>(features[weight.feature]) - weight.mean) / weight.scale * weight.coefficient;
  }
  for (const std::uint32_t root : roots_) {
    std::uint32_t at = root;
    while (nodes_[at].left != 0)
      at = static_cast<double>(features[nodes_[at].feature]) <= nodes_[at].threshold ? nodes_[at].left : nodes_[at].right;
    logit += nodes_[at].threshold;
  }
  for (const Bend& bend : bends_) logit += static_cast<double>(features[bend.feature]) * (bend.slope * logit + bend.offset);
  const double score = 1 / (1 + std::exp(-logit));
  return std::isnan(score) ? 0 : score;
}

double Model::Join(double own_score, double builtin_score, double net_logit) const {
  const auto logit = [](double score) {
    const double p = std::clamp(score, 1e-9, 1 - 1e-9);
    return std::log(p / (1 - p));
  };
  const double sum = join_.scale * logit(own_score) + join_.builtin * logit(builtin_score) + join_.net * net_logit + join_.offset;
  return 1 / (1 + std::exp(-sum));
}

double Model::ThresholdFor(double max_wrong_hits) const {
  constexpr double kNever = 2;
  // The loosest row from which on every stricter one keeps the promise as well.
  double threshold = kNever;
  for (auto row = table_.rbegin(); row != table_.rend() && row->wrong_share <= max_wrong_hits; ++row) threshold = row->threshold;
  return threshold;
}

}  // namespace reflex::verify
