#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"
#include "verify/features.h"

namespace reflex::verify {

// The weights that turn features into a score: standardised logistic regression, to whose logit boosted trees are added, and a bend
// of the sum where a feature says so: what kind of questions it is tells how much a logit means. Read from the text form that
// docs/canonical.md specifies. Immutable; thread-safe.
class Model {
 public:
  // The largest file and the largest trees that are read.
  static constexpr std::size_t kBytesMax = 16 << 20, kTreesMax = 4096, kNodesMax = 1 << 18;

  // Reads a model from its text. Returns: kInvalidArgument with a message that names the line and what is allowed there;
  // kNewerFormat for a version of the form that is not known.
  static Result<Model> Parse(std::string_view text);
  // The model that is part of the program. Read at the first call.
  static const Result<Model>& Builtin();

  // The probability that one answer serves both texts, 0 to 1, as far as training tells.
  double Score(const Features& features) const;

  // Whether a score of this model is to be joined with that of the built-in one for the same pair, whether with the logit of a pair
  // net, and the result: a probability. What it does not listen to may be any number.
  bool listens_to_builtin() const { return join_.builtin > 0; }
  bool listens_to_net() const { return join_.net > 0; }
  double Join(double own_score, double builtin_score, double net_logit) const;

  // The lowest score that keeps the share of wrong hits at or below the given one, from the table of the model; above 1, that is
  // never, where the table has no row as strict.
  double ThresholdFor(double max_wrong_hits) const;
  struct Row {
    double threshold = 0, wrong_share = 0;
  };
  // The offline table, by ascending threshold.
  const std::vector<Row>& table() const { return table_; }
  // The embedder whose word vectors the model was trained with; empty when the file does not say.
  const std::string& embedder() const { return embedder_; }
  std::size_t tree_count() const { return roots_.size(); }

 private:
  friend class ModelParser;
  struct Weight {
    std::uint32_t feature = 0;
    double mean = 0, scale = 1, coefficient = 0;
  };
  // A leaf has `left` == 0 and its value in `threshold`: children always lie behind their parent, so 0 is nobody's child.
  struct Node {
    std::uint32_t feature = 0, left = 0, right = 0;
    double threshold = 0;
  };

  // The logit becomes logit + feature * (slope * logit + offset).
  struct Bend {
    std::uint32_t feature = 0;
    double slope = 0, offset = 0;
  };

  struct Sum {
    double scale = 0, offset = 0, builtin = 0, net = 0;
  };

  std::vector<Weight> weights_;
  Sum join_;
  std::vector<Bend> bends_;
  double intercept_ = 0;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> roots_;
  std::vector<Row> table_;
  std::string embedder_;
};

// Model::Parse by the name the other rooms use.
inline Result<Model> ParseModel(std::string_view text) { return Model::Parse(text); }

}  // namespace reflex::verify
