// Any sequence of adds, removes, searches and background slices: the index holds what a map holds, and finds no other label.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "vector/local_index.h"

namespace {

constexpr std::size_t kDimension = 8;

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::map<std::uint64_t, std::vector<float>> model;
  std::deque<std::function<void()>> jobs;
  reflex::vector::LocalIndexOptions options;
  options.lists_from = 64;
  options.slice = 16;
  options.lists = {4, 8, 200};
  const auto index = reflex::vector::LocalIndex::Create(
      kDimension, options,
      [&](std::uint64_t label, std::span<float> out) {
        const auto found = model.find(label);
        if (found == model.end()) return false;
        std::copy(found->second.begin(), found->second.end(), out.begin());
        return true;
      },
      [&](std::function<void()> job) {
        jobs.push_back(std::move(job));
        return true;
      });
  const reflex::Digest scope{};
  // Three bytes an operation: what, label, and bits of the vector. A run of adds is one operation, so that lists come about.
  for (std::size_t at = 0; at + 3 <= size && at < 3 * 256; at += 3) {
    std::vector<float> vector(kDimension);
    const auto make = [&](std::size_t bits) {
      for (std::size_t i = 0; i < kDimension; ++i) vector[i] = (bits >> i & 1) != 0 ? 1.0f : -0.5f;
    };
    make(data[at + 2]);
    const std::uint64_t label = data[at + 1];
    const int operation = data[at] % 5;
    if (operation == 0 || operation == 1) {
      for (std::uint64_t i = 0; i < (operation == 0 ? 1 : 32); ++i) {
        make(data[at + 2] + i);
        model[label + i] = vector;
        Require(index->Add(scope, label + i, vector, {}).has_value());
      }
    } else if (operation == 2) {
      for (std::uint64_t i = 0; i < data[at + 2] % 32u + 1; ++i) {
        model.erase(label + i);
        index->Remove(scope, label + i);
      }
    } else if (operation == 3) {
      const auto found = index->Search(scope, vector, 10);
      Require(found.has_value() && found->size() == std::min<std::size_t>(10, model.size()));
      for (std::size_t i = 0; i < found->size(); ++i) {
        Require(model.contains((*found)[i].label));
        Require(i == 0 || (*found)[i - 1].similarity >= (*found)[i].similarity);
      }
    } else if (!jobs.empty()) {
      const auto job = std::move(jobs.front());
      jobs.pop_front();
      job();
    }
    Require(index->Count(scope) == model.size());
    Require(index->Stats().vectors == model.size());
  }
  return 0;
}
