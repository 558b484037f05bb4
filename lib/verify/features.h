#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "reflex/embedder.h"
#include "verify/reading.h"

namespace reflex::verify {

// What is measured of a pair of texts, in the order that models are trained with: names are added at the end only. A is the first
// text, B the second; "unmatched" words have no partner of the same stem. docs/canonical.md explains each.
inline constexpr auto kFeatureNames = std::to_array<std::string_view>({
    // Alignment of words.
    "cos",
    "symminA",
    "meanA",
    "meanB",
    "wmean_min",
    "min1A",
    "min1B",
    "minall",
    "min2",
    "umassA",
    "umassB",
    "umass_max",
    "usum",
    "jacc",
    "lenratio",
    "loglen",
    // Facts.
    "guard",
    "numdiff",
    "negdiff",
    "antpair",
    "langdiff",
    // Order and wording.
    "orderdiff",
    "inv",
    "exactfrac",
    "nuA",
    "nuB",
    "nuMin",
    "charratio",
    "firstsame",
    "bestpairmin",
    "pair_ant",
    "subst_cos",
    // One text inside the other.
    "contained",
    "npre",
    "nsuf",
    "sep",
    "xboil",
    "xtyped",
    "xidf",
    // Repairs, lists, tasks, symbols.
    "ntypo",
    "ncontrast",
    "nsyn",
    "taskxor",
    "taskshare",
    "tasknone",
    "symdiff",
    "numcount",
    "d_write",
    "d_explain",
    "d_why",
    "d_when",
    "top2loss",
    // Unmatched words of each type and their largest loss.
    "u0_n",
    "u0_max",
    "u1_n",
    "u1_max",
    "u2_n",
    "u2_max",
    "u3_n",
    "u3_max",
    "u4_n",
    "u4_max",
    "u5_n",
    "u5_max",
    "u6_n",
    "u6_max",
    "u7_n",
    "u7_max",
    "u8_n",
    "u8_max",
    // Conflicts of facts, one a guard.
    "g_numbers",
    "g_negation",
    "g_direction",
    "g_language",
    "g_entity",
    "g_quantifier",
    "g_identifier",
    "g_quotation",
    "g_code",
    "g_output_language",
    "g_task",
    "g_constraint",
    "g_order",
    "g_antonym",
    "g_present",
    "conflicts",
    // Synonyms and contrasts beyond the counts above.
    "phrase_syn",
    "syn_share",
    "contrast_share",
    "left_after_syn",
    "left_weight",
    // Frame, names, numbers, denials.
    "frame_same",
    "frame_differs",
    "names_same",
    "names_left",
    "num_strong",
    "num_weak",
    "neg_scope_diff",
    "constraint_diff",
    "quantifier_diff",
    "quote_diff",
    "code_diff",
    // Order of arguments and of words.
    "relation_share",
    "bigram_jacc",
    "content_jacc",
    "last_same",
    "content_lendiff",
    // Small edits: what is between the common beginning and end, and words that stand between the same neighbours.
    "mid_min",
    "mid_max",
    "mid_share",
    "mid_sim",
    "mid_small_loss",
    "ctx_pairs",
    "ctx_loss",
    "ctx_contrast",
    "mutual_contrast",
    // The frame: quantity words, time, persons, question words, first and last word of meaning, things that stand against each
    // other.
    "frame_quantity",
    "frame_time",
    "frame_person",
    "frame_question",
    "head_sim",
    "tail_sim",
    "sub_names",
    "sub_capitals",
    "sub_numbers",
    "neg_parity",
    "yesno_differs",
    "how_differs",
    "long_min",
    "kind_same",
    "kind_differs",
    "kind_none",
    // Both texts speak of computing.
    "technical",
});
inline constexpr std::size_t kFeatures = kFeatureNames.size();

using Features = std::array<float, kFeatures>;

// All features of a pair. `ea` and `eb` are embeddings of the prepared texts with the WordSpans of the readings; rows that are
// missing count as zero. All values are finite; all zero when a text has no words. Thread-safe; microseconds for short texts.
Features Compare(const Reading& a, const Reading& b, const Embedding& ea, const Embedding& eb);

}  // namespace reflex::verify
