#pragma once

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "reflex/vector_index.h"

namespace reflex::vector {

// Jobs that wait until the test runs them.
class Jobs {
 public:
  bool Take(std::function<void()> job) {
    if (refusing) return false;
    jobs_.push_back(std::move(job));
    return true;
  }
  std::size_t RunAll() {
    std::size_t ran = 0;
    for (; !jobs_.empty(); ++ran) {
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      job();
    }
    return ran;
  }
  std::size_t size() const { return jobs_.size(); }
  bool RunOne() {
    if (jobs_.empty()) return false;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    job();
    return true;
  }
  bool refusing = false;

 private:
  std::deque<std::function<void()>> jobs_;
};

inline Digest ScopeOf(unsigned number) {
  Digest scope;
  scope.bytes[0] = static_cast<std::uint8_t>(number);
  scope.bytes[1] = static_cast<std::uint8_t>(number >> 8);
  scope.bytes[31] = static_cast<std::uint8_t>(number * 7);
  return scope;
}

inline std::vector<float> RandomVector(std::mt19937_64& random, std::size_t dimension) {
  std::normal_distribution<float> normal;
  std::vector<float> vector(dimension);
  for (float& value : vector) value = normal(random);
  return vector;
}

// The slow one: every vector, compared with every query.
class Model {
 public:
  bool Fetch(std::uint64_t label, std::span<float> out) const {
    const auto found = vectors.find(label);
    if (found == vectors.end()) return false;
    std::copy(found->second.begin(), found->second.end(), out.begin());
    return true;
  }

  std::vector<Neighbor> Search(std::span<const float> query, std::size_t k) const {
    std::vector<Neighbor> all;
    for (const auto& [label, vector] : vectors) {
      double cross = 0, a = 0, b = 0;
      for (std::size_t i = 0; i < query.size(); ++i) {
        cross += static_cast<double>(query[i]) * vector[i];
        a += static_cast<double>(query[i]) * query[i];
        b += static_cast<double>(vector[i]) * vector[i];
      }
      all.push_back({label, static_cast<float>(cross / std::sqrt(a * b))});
    }
    std::sort(all.begin(), all.end(), [](const Neighbor& a, const Neighbor& b) { return a.similarity > b.similarity; });
    all.resize(std::min(k, all.size()));
    return all;
  }

  std::map<std::uint64_t, std::vector<float>> vectors;
};

}  // namespace reflex::vector
